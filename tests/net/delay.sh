#!/usr/bin/env bash
# Hosts that are 2 ms apart, on lines of 100 Mbit/s that lose a frame of a thousand, train the bits of
# one rank alone.
network=(-n 3 -w "$1/tests/net_switch" -l '2000 100 1000')
# shellcheck source=tests/net/common.sh
. "$(dirname "$0")/common.sh"

train_on 1 n1 n2 n3 || { cat out.txt; fail "exit code $?"; }
expect_same '2 ms, 100 Mbit/s, losses'
