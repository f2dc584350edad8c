#!/usr/bin/env bash
# Help and configurations as people see them: on a terminal, in a pipe, under a launcher.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

# on_terminal COMMAND...: what it writes to a terminal of 24 lines and 80 columns.
on_terminal() {
    /usr/bin/python3 -c 'import os, pty, sys
os.environ["TERM"] = "xterm"
pid, terminal = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
while True:
    try: text = os.read(terminal, 4096)
    except OSError: break
    if not text: break
    os.write(1, text)
os.waitpid(pid, 0)' "$@"
}
escape=$'\033'

# Colours on a terminal only, and not where NO_COLOR is set; the words are the same.
"$program" --help >plain.txt
on_terminal "$program" --help >painted.txt
grep -q "$escape\[1mTrain" painted.txt || fail "no bold heading on a terminal"
sed "s/$escape\[[0-9]*m//g; s/\r$//" painted.txt | cmp - plain.txt || fail "colours change the words"
if grep -q "$escape" plain.txt; then fail "colours in a file"; fi
NO_COLOR=1 on_terminal "$program" --help >no.txt
if grep -q "$escape" no.txt; then fail "colours under NO_COLOR"; fi
mpirun -np 2 "$program" --help | cmp - plain.txt || fail "two ranks help twice"

# The printed configuration says where values came from, and is one that is taken back.
config=$source/configs/smoke.yaml
print=("$program" train --config "$config" training.epochs=9 --print-config)
MNIST_DIST_TRAINING_SEED=4 "${print[@]}" >printed.yaml
grep -q '^  epochs: 9 *# command line$' printed.yaml || fail "no origin: command line"
grep -q '^  seed: 4 *# environment: MNIST_DIST_TRAINING_SEED$' printed.yaml || fail "no origin: environment"
grep -q "^  limit: 512 *# $config:6\$" printed.yaml || fail "no origin: file"
grep -q '^  zoom: 0.1 *# default$' printed.yaml || fail "no origin: default"
"$program" train --config printed.yaml --print-config | sed 's/ *#.*//' >again.yaml
sed 's/ *#.*//' printed.yaml | cmp - again.yaml || fail "the printed configuration is not the same"
on_terminal "${print[@]}" >painted.yaml
grep -q "$escape\[2m  # command line" painted.yaml || fail "comments are not dim on a terminal"

# The environment's keys train as the command line's; ranks that have others are refused.
make_digits 100 10
train 2 "${quick[@]}" --out word training.epochs=1 training.seed=5 >word.txt
MNIST_DIST_TRAINING_SEED=5 train 2 "${quick[@]}" --out variable training.epochs=1 >variable.txt
[ "$(digest_of word.txt)" = "$(digest_of variable.txt)" ] || fail "the environment trains otherwise"
expect_error 2 'rank 1: environment: .*not those of rank 0' \
    mpirun -quiet -np 1 "$program" "${quick[@]}" --out x : \
    -np 1 env MNIST_DIST_TRAINING_SEED=5 "$program" "${quick[@]}" --out x
expect_error 2 'environment: MNIST_DIST_TRAINING_SEEDS: unknown key; did you mean MNIST_DIST_TRAINING_SEED\?' \
    env MNIST_DIST_TRAINING_SEEDS=5 "$program" --print-config
expect_error 2 'unknown key; did you mean --help=training\.epochs' "$program" --help=epochs
