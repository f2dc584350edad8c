# shellcheck shell=bash # sourced by hosts.sh and tests/slurm/cluster.sh
# Several hosts on one machine, in namespaces of the kernel's: what a private Slurm and hosts.sh share.
# A host is a network namespace n1, n2 ... at 10.99.0.1, 10.99.0.2 ...; the script that made them is
# the host ctl, 10.99.0.254. What runs on a host is started by on_host.sh.

# need_namespaces WHAT PROGRAM...: ends with code 77 and a line, unless WHAT can be had here.
need_namespaces() {
    local what=$1 needed
    shift
    [ "$(id -u)" -eq 0 ] || { echo "skipped: $what: needs root"; exit 77; }
    for needed in unshare nsenter setpriv ip "$@"; do
        command -v "$needed" >/dev/null || { echo "skipped: $what: no $needed"; exit 77; }
    done
    unshare --mount --uts --ipc --net --pid --fork --mount-proc sh -c \
        'mount -t tmpfs tmpfs /run && ip link add type bridge' 2>/dev/null ||
        { echo "skipped: $what: no namespaces or networks of one's own are to be had here"; exit 77; }
}

# run_inside COMMAND...: runs it as process 1 in namespaces of its own and exits with its code. When it
# ends, or this script is killed, the kernel ends all that it has started.
run_inside() {
    local inside
    setpriv --pdeathsig KILL unshare --mount --uts --ipc --net --pid --fork --mount-proc \
        --kill-child "$@" &
    inside=$!
    trap 'kill -KILL $inside; wait $inside 2>/dev/null; exit 143' TERM HUP INT
    wait $inside
    exit $?
}

# make_hosts COUNT FOLDER: the hosts, with their names, not yet connected.
make_hosts() {
    local i
    hostname ctl
    mount -t tmpfs tmpfs /run && mkdir /run/netns
    mount -t tmpfs tmpfs /dev/shm
    ip link set lo up
    printf '127.0.0.1 localhost\n10.99.0.254 ctl\n' >"$2/hosts"
    for i in $(seq "$1"); do echo "10.99.0.$i n$i"; done >>"$2/hosts"
    mount --bind "$2/hosts" /etc/hosts
    for i in $(seq "$1"); do ip netns add "n$i" && ip -n "n$i" link set lo up || return 1; done
}

# connect_hosts COUNT: by a bridge of the kernel's, as fast as it goes; host n2's end there is v2.
connect_hosts() {
    local i
    ip link add br0 type bridge && ip addr add 10.99.0.254/24 dev br0 && ip link set br0 up || return 1
    for i in $(seq "$1"); do
        ip link add "v$i" type veth peer name eth0 netns "n$i" && ip link set "v$i" master br0 up &&
            ip -n "n$i" addr add "10.99.0.$i/24" dev eth0 && ip -n "n$i" link set eth0 up || return 1
    done
}
