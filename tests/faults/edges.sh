#!/usr/bin/env bash
# Small numbers: data and shapes at which divisions come out odd. Each has one answer at every number
# of ranks, or is refused in one line. 5 ranks and more send messages, as if each had a machine.
# Without `long` each case is tried on two numbers of ranks beside one, one of them by messages.
# shellcheck disable=SC2016 # awk's fields
# shellcheck source=tests/faults/common.sh
. "$(dirname "$0")/common.sh"
others=(2 3 5 8)
cases=0 runs=0 refusals=0

# A small net, two epochs, all rows to train on.
edge=(--config "$source/configs/smoke.yaml" data.limit=0 data.folds=0 training.batch_size=22
    training.epochs=2 schedule.kind=constant output.report=never
    "model.layers=conv 3x3 4 same relu, maxpool 2x2, dropout 0.25, flatten, dense 10 softmax")

# same NAME DATA KEYS...: a training on DATA.h5 has one answer.
same() {
    local name=$1 data=$2 digest ranks some=("${others[@]}")
    shift 2
    [ -n "$long" ] || some=("${others[@]:cases % 2:1}" "${others[@]:2 + cases % 2:1}")
    "${alone[@]}" "$program" train "${edge[@]}" --data "$data.h5" --out "$name" "$@" >1.txt 2>&1 ||
        { cat 1.txt; fail "$name"; }
    digest=$(digest_of 1.txt)
    for ranks in "${some[@]}"; do
        MNIST_DIST_NODE_RANKS=$((ranks / 5)) train "$ranks" "${edge[@]}" --data "$data.h5" \
            --out "$name-$ranks" "$@" >out.txt || { cat out.txt; fail "$name on $ranks ranks"; }
        [ "$(digest_of out.txt)" = "$digest" ] || fail "$name: other bits on $ranks ranks"
        cmp -s "$name/submission.csv" "$name-$ranks/submission.csv" ||
            fail "$name: other predictions on $ranks ranks"
        runs=$((runs + 1))
    done
    cases=$((cases + 1))
    echo "$name: $digest on 1, ${some[*]} ranks"
}

# refused CODE PATTERN RANKS DATA KEYS...: one line, whatever the rank that it comes from.
refused() {
    local code=$1 pattern=$2 ranks=$3 data=$4
    shift 4
    expect_error "$code" "$pattern" mpirun -np "$ranks" -quiet "$program" train "${edge[@]}" \
        --data "$data.h5" --out refused "$@"
    [ -z "$(find . -path './refused/*.h5')" ] || fail "a run that was refused has left files"
    refusals=$((refusals + 1))
    echo "refused: $(cat expect.err)"
}

# data NAME AWK_PROGRAM: NAME.h5 of what the program makes of the drawn rows.
data() {
    awk -F, -v OFS=, "NR == 1 { print; next } $2" train.csv >"$1.csv"
    "$program" import "$1.csv" test.csv -o "$1.h5" >out.txt 2>&1 || { cat out.txt; fail "$1"; }
}

make_digits 67 9
data some '{ print }'
data one 'NR == 2 { print }'
data two 'NR <= 3 { print }'
data no-seven '$1 != 7 { print }'
data only-three '{ $1 = 3; print }'
data black '{ for (i = 2; i <= NF; i++) $i = 0; print }'
data white '{ for (i = 2; i <= NF; i++) $i = 255; print }'
data twins 'NR == 2 { for (i = 0; i < 67; i++) print }'

# The batches are 22, 22, 22 and 1: fewer samples than shards in the last.
same last-of-one some
same as-many-samples-as-shards some training.batch_size=8 training.epochs=1
same batch-larger-than-rows some training.batch_size=1000
same accumulates-more-than-there-is some training.accumulate=9
same many-shards some training.shards=16
same more-threads-than-shards some training.threads=3
same one-sample one
same two-samples two training.epochs=3
same class-missing no-seven
same all-one-class only-three
same black black
same white white augmentation.mixup=0.4
same twins twins data.folds=3
same more-folds-than-rows-of-a-class some data.folds=25
same more-folds-than-rows some data.folds=1000
same statistics-of-one-sample two training.batch_size=8 \
    "model.layers=conv 3x3 4 nobias, batchnorm relu, globalavgpool, dense 10 softmax"
same statistics-of-black black \
    "model.layers=conv 3x3 4 nobias, batchnorm relu, flatten, dense 10 nobias, batchnorm, dense 10 softmax"

refused 2 '8 ranks for 4 shards: .*training\.shards' 8 some training.shards=4
refused 2 '2 ranks for 1 shards: .*training\.shards' 2 some training.shards=1
refused 2 'training\.shards' 2 some training.shards=6
refused 3 'data\.folds' 3 one data.folds=10
refused 2 'data\.folds=1 would hold out every row' 3 some data.folds=1
refused 2 'training\.shards=8 .*training\.batch_size=3' 3 some training.batch_size=3
refused 2 'training\.batch_size' 2 some training.batch_size=0

# What cannot be trained on is refused when it is imported.
head -n 1 train.csv >header.csv
: >empty.csv
expect_error 3 'header\.csv: .*no rows' "$program" import header.csv -o none.h5
expect_error 3 'empty\.csv: is empty' "$program" import empty.csv -o none.h5
expect_error 3 'header\.csv: .*no rows' "$program" import train.csv header.csv -o none.h5
[ ! -e none.h5 ] || fail "a file was left"

echo "$cases edges, each the same on $((runs / cases)) of ${#others[@]} other numbers of ranks; $refusals refused"
