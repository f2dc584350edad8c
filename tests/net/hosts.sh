#!/usr/bin/env bash
# Runs a command that has several hosts at hand, on this one machine, and an mpirun that reaches them.
#
#   hosts.sh [-n HOSTS] [-s SLOTS] [-r MBIT | -w SWITCH [-l "DELAY MBIT LOSS"]] -- COMMAND...
#   hosts.sh -n 4 -r 1000 -- mpirun -np 4 build/mnist_dist bench allreduce
#
# -n so many hosts (2), -s so many ranks on each (1). -r gives each host's line that many Mbit/s in each
# direction, by the kernel's tbf; without it the line is as fast as memory. Where it is to be slow in
# other ways too, the hosts hang on a switch in user space instead (net_switch; switch.c has its limits):
# -l is its delay one way in microseconds, its Mbit/s (0: any), its loss in frames of a million.
#
# Hosts, processes and networks are namespaces (namespaces.sh): when the command ends, or this script
# is killed, the kernel ends the lot. Nothing is written outside a folder under /tmp.
# Inside: hosts n1, n2 ... and this one, ctl, which has no ranks; functions.sh has what changes the
# network under way, and $HOSTS is the folder. Refused: the host's own ssh, which wants daemons and keys.
# Exit code 77: not root, no namespaces to be had, or a program is missing.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/net/namespaces.sh
. "$here/namespaces.sh"
hosts=2 slots=1 rate='' switch='' link='0 0 0'
while getopts n:s:r:w:l: option; do
    case $option in
    n) hosts=$OPTARG ;; s) slots=$OPTARG ;; r) rate=$OPTARG ;;
    w) switch=$OPTARG ;; l) link=$OPTARG ;; *) exit 2 ;;
    esac
done
export PATH=$PATH:/usr/sbin:/sbin

if [ -z "${HOSTS_INSIDE:-}" ]; then
    need_namespaces 'several hosts' ${rate:+tc} mpirun
    if [ -n "$switch" ] && [ ! -c /dev/net/tun ]; then echo 'skipped: several hosts: no /dev/net/tun'; exit 77; fi
    HOSTS=$(mktemp -d /tmp/hosts.XXXXXX)
    export HOSTS HOSTS_INSIDE=1
    trap 'rm -rf "$HOSTS"' EXIT
    run_inside "$0" "$@"
fi
unset HOSTS_INSIDE
shift $((OPTIND - 1))
# shellcheck source=tests/net/functions.sh
. "$here/functions.sh"

die() {
    echo "hosts: $*" >&2
    exit 99
}

# connect_by_switch: all hosts, and this one, on the switch's ports.
connect_by_switch() {
    local i
    set_link "$link"
    # shellcheck disable=SC2046 # a list of names
    "$switch" "$HOSTS/link" . $(seq -f n%g "$hosts") >"$HOSTS/switch.txt" &
    echo $! >"$HOSTS/switch"
    for i in $(seq 250); do
        ! grep -qs ready "$HOSTS/switch.txt" || break
        sleep 0.02
    done
    ip addr add 10.99.0.254/24 dev eth0 && ip link set eth0 up || return 1
    for i in $(seq "$hosts"); do
        ip -n "n$i" addr add "10.99.0.$i/24" dev eth0 && ip -n "n$i" link set eth0 up || return 1
    done
}

make_hosts "$hosts" "$HOSTS" || die 'the hosts cannot be made'
if [ -n "$switch" ]; then
    connect_by_switch || die 'the hosts cannot be connected by the switch'
else
    connect_hosts "$hosts" || die 'the hosts cannot be connected'
    [ -z "$rate" ] || set_rate "$rate" || die "no rate of $rate Mbit/s"
fi
use_hosts "$slots" $(seq -f n%g "$hosts")

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_plm=rsh OMPI_MCA_plm_rsh_agent=$here/on_host.sh
# All hosts have the same processors: no rank of one may be bound to those of another's.
export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_rmaps_base_oversubscribe=1
# This network and no other, for what ranks say and for what mpirun and its daemons say.
export OMPI_MCA_btl_tcp_if_include=10.99.0.0/24 OMPI_MCA_oob_tcp_if_include=10.99.0.0/24
"$@" # not exec: process 1 stays this shell, which reaps what others leave
