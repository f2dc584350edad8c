#!/usr/bin/env bash
# Tests under sanitizers, in a build folder of their own:
#   sanitize.sh asan BUILD_DIR SOURCE_DIR         unit and mpi tests, the latter on 1 and 3 ranks, and
#                                                 on 8 all but gradsync
#   sanitize.sh asan-long BUILD_DIR SOURCE_DIR    on all numbers of ranks
#   sanitize.sh tsan BUILD_DIR SOURCE_DIR         what has threads: the pool, the trainer, the window
# and each time the program's way from CSV to submission.csv, which has to give the bits of the
# program in BUILD_DIR.
preset=${1%-long}
form=$1
shift
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/e2e/common.sh"
release=$build

prepare() {
    build=$release/$preset
    (cd "$source" && cmake --preset "$preset" -B "$build") >configure.log || fail "$(cat configure.log)"
    cmake --build "$build" -j "$(nproc)" -t "$@" >build.log || { cat build.log; fail "no build"; }
}

# run_tests CTEST OPTIONS...: what failed with its output, and the closing lines.
run_tests() {
    ctest --test-dir "$build" --output-on-failure -j "$(nproc)" "$@" >ctest.log || {
        cat ctest.log
        fail "tests under $preset"
    }
    tail -n 8 ctest.log
}

# go_through RANKS ARGUMENTS...: trains with the program of either build.
go_through() {
    local reference ranks=$1
    shift
    rm -rf reference
    program=$release/mnist_dist
    make_digits 600 50
    train 1 "${quick[@]}" --out reference >reference.txt
    reference=$(digest_of reference.txt)
    program=$build/mnist_dist
    rm -rf digits.h5 run
    make_digits 600 50
    train "$ranks" "${quick[@]}" --out run checkpoint.every_steps=10 "$@" >run.txt ||
        { cat run.txt; fail "training under $preset"; }
    [ "$(digest_of run.txt)" = "$reference" ] || fail "other bits under $preset"
    "$program" evaluate run/checkpoints/best.h5 --data digits.h5 --allow-overlap >out.txt 2>&1 ||
        { cat out.txt; fail "evaluate under $preset"; }
    echo "$preset: $ranks ranks from CSV to submission.csv: same"
}

case $preset in
asan)
    some=(-E 'mpi_.*_[2457]$|mpi_gradsync_8|source_rules')
    [ "$form" = asan ] || some=(-E source_rules)
    prepare unit_and_mpi_tests mnist_dist
    run_tests -L 'unit|mpi' "${some[@]}"
    go_through 3
    MNIST_DIST_NODE_RANKS=1 go_through 2
    ;;
tsan)
    export OMPI_MCA_pml=ob1 # UCX crashes at its start under ThreadSanitizer
    prepare test_base_pool mpi_test_trainer mpi_test_window mnist_dist
    run_tests -R '^(unit_base_pool|mpi_trainer_[13]|mpi_window_1)$'
    go_through 1 training.threads=4
    MNIST_DIST_NODE_RANKS=1 go_through 2 training.threads=2
    ;;
*) fail "no such preset: $preset" ;;
esac
