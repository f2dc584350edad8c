#!/usr/bin/env bash
# A run goes on where its checkpoint is, on another number of hosts, after a stop, after a host that
# died, and after one that has gone silent, of which TCP's keepalive tells: mpirun ends with a line each
# time, no rank is left, and the bits are those of one rank that nothing interrupts.
epochs=60
# shellcheck source=tests/net/common.sh
. "$(dirname "$0")/common.sh"

# start SLOTS HOST...: trains in the background until two epochs are done; `job` is mpirun.
start() {
    local begun
    begun=$(epochs_done)
    train_on "$@" &
    job=$!
    until_true 60 has_epochs $((begun + 2)) || { cat out.txt; fail "no epochs on $*"; }
}
epochs_done() {
    { grep -s '^epoch ' run/log.txt || true; } | wc -l
}
has_epochs() {
    [ "$(epochs_done)" -ge "$1" ]
}

# expect_end SECONDS LINE: mpirun ends in that time, not well, with a line that matches, and so do all
# ranks. `rc` is its exit code.
expect_end() {
    until_true "$1" has_ended || { cat out.txt; fail "not ended after $1 s"; }
    rc=0
    wait "$job" || rc=$?
    [ "$rc" -ne 0 ] || { cat out.txt; fail "it ended as if all were well"; }
    grep -Eq "$2" out.txt || { cat out.txt; fail "no line with '$2'"; }
    until_true 20 no_ranks_left || { pgrep -a -x mnist_dist; fail "ranks are left"; }
}
has_ended() {
    ! kill -0 "$job" 2>/dev/null
}
no_ranks_left() {
    ! pgrep -x mnist_dist >/dev/null
}

# What mpirun says when a daemon's connection breaks, or when what started the daemon dies first.
lost='lost communication with a remote daemon|unable to reliably start one or more daemons'

start 1 n1 n2 n3
kill -USR1 "$(pgrep -x mpirun)"
expect_end 10 'stopped by a signal'
[ "$rc" -eq 75 ] || fail "exit code $rc after a stop"
echo "three hosts: stopped"

start 2 n1 n2
kill_host n2
expect_end 10 "$lost"
echo "two hosts: one died"

export OMPI_MCA_oob_tcp_keepalive_time=2 OMPI_MCA_oob_tcp_keepalive_intvl=1 OMPI_MCA_oob_tcp_keepalive_probes=2
start 1 n1 n2 n3 n4
cut_host n3
expect_end 20 "$lost"
join_host n3
echo "four hosts: one has gone silent"

start 1 n2 n1
kill_host n2
expect_end 10 "$lost"
echo "two hosts: that of rank 0 died"

train_on 2 n3 n4 || { cat out.txt; fail "did not go on: exit code $?"; }
expect_same 'two other hosts, to the end'
