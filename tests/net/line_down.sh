#!/usr/bin/env bash
# A line that is down for a while and comes back, within TCP's patience, costs time and nothing else.
epochs=40
# shellcheck source=tests/net/common.sh
. "$(dirname "$0")/common.sh"

# interrupt HOST SECONDS: once the run is in its third epoch, takes the host's line down for so long.
interrupt() {
    train_on 1 n1 n2 n3 &
    until_true 60 grep -qs '^epoch  *2/' run/log.txt || fail "no epochs"
    cut_host "$1"
    sleep "$2"
    ! grep -q '^run: finished' run/log.txt || fail "it ended without $1"
    join_host "$1"
    wait $! || { cat out.txt; fail "$1 down for $2 s: exit code $?"; }
    expect_same "$1 down for $2 s"
}
interrupt n3 3
[ -z "$long" ] || for host in n1 n2; do interrupt $host 60; done
