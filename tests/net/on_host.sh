#!/bin/sh
# Runs a command on one of the hosts that hosts.sh made, with its network, its name and a /dev/shm of
# its own; mpirun calls it in the place of ssh.
#
#   on_host.sh HOST COMMAND...
host=$1
shift
exec nsenter --net="/run/netns/$host" unshare --uts --mount sh -c \
    "hostname $host && mount -t tmpfs tmpfs /dev/shm && $*"
