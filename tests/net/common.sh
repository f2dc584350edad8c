# shellcheck shell=bash disable=SC2034 # sourced by the tests beside it: what they share
# A test is called as `TEST.sh BUILD_DIR SOURCE_DIR [long]`; it starts itself again where there are
# hosts (hosts.sh), as `network` says, which is options of hosts.sh: four hosts with two ranks each.
set -euo pipefail

if [ -z "${HOSTS:-}" ]; then
    exec "$2/tests/net/hosts.sh" "${network[@]:--n4}" -s 2 -- bash "$0" "$@"
fi
# shellcheck source=tests/net/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/../e2e/common.sh"
long=${3:-}

make_digits 600 50
# What the tests train, on a rank alone, on no host, with nothing that interrupts it: `same`.
toy=("${quick[@]}" output.report=never ${epochs:+"training.epochs=$epochs"})
"$program" train "${toy[@]}" --out whole >whole.txt 2>&1
same=$(digest_of whole.txt)

# train_on SLOTS HOST...: the training in the folder `run`, on all slots of these hosts, its output in
# out.txt. Returns mpirun's exit code.
train_on() {
    use_hosts "$@"
    train $(($1 * ($# - 1))) "${toy[@]}" --out run >out.txt
}

# expect_same WHAT: that the training ended with these bits; removes its folder.
expect_same() {
    [ "$(digest_of out.txt)" = "$same" ] || { cat out.txt >&2; fail "$1: other bits"; }
    cmp -s whole/submission.csv run/submission.csv || fail "$1: other predictions"
    rm -rf run
    echo "$1: same"
}
