#!/usr/bin/env bash
# Runs a command inside a private, real Slurm of several nodes on this one machine.
#
#   cluster.sh [-n NODES] -- COMMAND...
#
# munged, slurmctld, a slurmd per node and all jobs live in process, network, mount, host-name and IPC
# namespaces of their own: when the command ends, or this script is killed, the kernel ends the lot.
# Nothing is written outside its own folder under /tmp (short, since paths of sockets are limited to
# 108 characters). The nodes are hosts n1, n2 ... as tests/net makes them. Inside,
# `. $CLUSTER/functions` has start_node NUMBER.
# Exit code 77: not root, no namespaces to be had, or a program is missing.
set -u
nodes=2
while getopts n: option; do
    case $option in n) nodes=$OPTARG ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
export PATH=$PATH:/usr/sbin:/sbin

# shellcheck source=tests/net/namespaces.sh
. "$(dirname "$0")/../net/namespaces.sh"

# ---- outside: the namespaces ----
if [ -z "${CLUSTER_INSIDE:-}" ]; then
    need_namespaces 'a private Slurm' munged slurmctld slurmd sbatch srun
    CLUSTER=$(mktemp -d /tmp/sl.XXXXXX)
    export CLUSTER CLUSTER_INSIDE=1
    chmod 755 "$CLUSTER"
    trap 'rm -rf "$CLUSTER"' EXIT
    run_inside "$0" -n "$nodes" -- "$@"
fi

# ---- inside: process 1 ----
unset CLUSTER_INSIDE
die() {
    echo "cluster: $*" >&2
    tail -n 20 "$CLUSTER"/log/* >&2
    exit 99
}
mkdir -p "$CLUSTER"/{etc,state,log}
make_hosts "$nodes" "$CLUSTER/etc" || die "no hosts"
connect_hosts "$nodes" || die "no network"
mkdir /run/munge

(umask 077 && head -c 1024 /dev/urandom >"$CLUSTER/etc/munge.key")
munged --key-file="$CLUSTER/etc/munge.key" --pid-file=/run/munge/munged.pid \
    --log-file="$CLUSTER/log/munged.log" --seed-file="$CLUSTER/etc/munge.seed" || die munged

: >"$CLUSTER/etc/plugstack.conf"
# Named outright it is never used: slurmd then starts where there are no cgroups at all.
echo CgroupPlugin=cgroup/v1 >"$CLUSTER/etc/cgroup.conf"
# The default (a tree) makes one start in ten of srun --mpi=pmix crash on several nodes.
echo PMIxCollFence=ring >"$CLUSTER/etc/mpi.conf"
cat >"$CLUSTER/etc/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=ctl(10.99.0.254)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# How long a requeued job waits; 120 by default, and 5 is the least that works.
AuthInfo=cred_expire=5
CredType=cred/munge
PlugStackConfig=$CLUSTER/etc/plugstack.conf
MailProg=/bin/true
StateSaveLocation=$CLUSTER/state
SlurmdSpoolDir=$CLUSTER/spool.%n
TmpFS=$CLUSTER/tmp.%n
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.%n.pid
SlurmctldLogFile=$CLUSTER/log/slurmctld.log
SlurmdLogFile=$CLUSTER/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=pmix
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
KillWait=5
InactiveLimit=0
MinJobAge=300
SlurmctldTimeout=10
SlurmdTimeout=5
MessageTimeout=5
TCPTimeout=2
NodeName=n[1-$nodes] CPUs=4 RealMemory=1000 State=UNKNOWN
# Jobs of the partition "urgent" take the place of others, which are told 10 s before.
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverTimeLimit=0 PriorityTier=1 GraceTime=10
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
CONF
export SLURM_CONF=$CLUSTER/etc/slurm.conf
slurmctld -i || die slurmctld

start_node() {
    mkdir -p "$CLUSTER/spool.n$1" "$CLUSTER/tmp.n$1"
    chmod 1777 "$CLUSTER/tmp.n$1"
    "$ON_HOST" "n$1" exec slurmd -N "n$1"
}
export ON_HOST
ON_HOST=$(cd "$(dirname "$0")/../net" && pwd)/on_host.sh
declare -f start_node >"$CLUSTER/functions"
for i in $(seq "$nodes"); do start_node "$i" || die "slurmd n$i"; done
up=
for _ in $(seq 400); do
    up=$(sinfo -h -t idle -o %D 2>/dev/null | head -n 1)
    [ "$up" != "$nodes" ] || break
    sleep 0.05
done
[ "$up" = "$nodes" ] || die "nodes did not come up: $(sinfo -N -h 2>&1)"

# The nodes say that they have four processors each, whatever this machine has.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
"$@" # not exec: process 1 stays this shell, which reaps what the daemons leave
code=$?
scancel --full -u root 2>/dev/null
exit $code
