#!/usr/bin/env bash
# Two, three and four hosts with one rank and with two on each train the bits of one rank alone; also
# over lines of 100 Mbit/s.
# shellcheck source=tests/net/common.sh
. "$(dirname "$0")/common.sh"

for slots in 1 2; do
    for hosts in 'n1 n2' 'n1 n2 n3' 'n1 n2 n3 n4'; do
        # shellcheck disable=SC2086 # a list of names
        train_on $slots $hosts || { cat out.txt; fail "$slots on each of $hosts: exit code $?"; }
        expect_same "$slots on each of $hosts"
    done
done
set_rate 100
train_on 2 n1 n2 n3 n4 || fail "at 100 Mbit/s: exit code $?"
expect_same 'at 100 Mbit/s'
