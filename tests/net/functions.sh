# shellcheck shell=bash # sourced by hosts.sh and by what it runs
# What changes the hosts of hosts.sh and their network while they are used.

# use_hosts SLOTS HOST...: the hosts that mpirun uses from now on, each with so many ranks.
use_hosts() {
    local slots=$1 host
    shift
    for host in "$@"; do echo "$host slots=$slots"; done >"$HOSTS/hostfile"
    export OMPI_MCA_orte_default_hostfile=$HOSTS/hostfile
}

# all_hosts: their names.
all_hosts() {
    find /run/netns -mindepth 1 -printf '%f\n'
}

# set_rate MBIT: of every host's line, in each direction. A bucket of half a millisecond, lest the first
# bytes of a message travel for nothing; from 1 Gbit/s on no less than what the kernel hands on at once,
# which it would otherwise cut into frames, at a cost of processor time that leaves none for ranks.
set_rate() {
    local host burst=$(($1 * 1000 / 16)) least=20000
    [ "$1" -lt 1000 ] || least=70000
    [ "$burst" -ge "$least" ] || burst=$least
    for host in $(all_hosts); do
        tc -n "$host" qdisc replace dev eth0 root tbf rate "$1mbit" burst "$burst" limit 16mb &&
            tc qdisc replace dev "v${host#n}" root tbf rate "$1mbit" burst "$burst" limit 16mb || return 1
    done
}

# set_link "DELAY MBIT LOSS": of the switch's lines.
set_link() {
    echo "$1" >"$HOSTS/link"
    [ ! -e "$HOSTS/switch" ] || kill -HUP "$(cat "$HOSTS/switch")"
}

# cut_host HOST, join_host HOST: takes its line to the bridge down, and up again.
cut_host() {
    ip link set "v${1#n}" down
}
join_host() {
    ip link set "v${1#n}" up
}

# kill_host HOST: all that runs there, at once.
kill_host() {
    # shellcheck disable=SC2046 # a list of numbers
    kill -KILL $(ip netns pids "$1")
}
