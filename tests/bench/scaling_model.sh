#!/usr/bin/env bash
# How well `mnist_dist bench scaling` foresees a step between hosts: over networks of several rates and
# delays, between 2, 4 and 8 hosts on this machine, one rank each.
#
#   tests/bench/scaling_model.sh [BUILD_DIR] [key=value ...]     as root; 10 minutes
#
# Each line is a network: what was foreseen, what was measured, and their ratio, the median of 7 rounds
# in which both were found, with the lowest and the highest. The machine should have nothing else to do.
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$source/build}" && pwd)
shift $(($# > 0 ? 1 : 0))
hosts=${HOSTS_SCRIPT:-$source/tests/net/hosts.sh}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
[ $# -gt 0 ] || set -- training.batch_size=256

# measure HOSTS NAME OPTIONS...: a line of the table.
measure() {
    local count=$1 name=$2 rc=0
    shift 2
    bash "$hosts" -n "$count" "$@" -- mpirun -np "$count" "$build/mnist_dist" bench scaling --json \
        "${keys[@]}" >"$out" 2>&1 || rc=$?
    [ $rc -eq 0 ] || { tail -3 "$out" >&2; echo "$name: exit code $rc" >&2; return 1; }
    /usr/bin/python3 - "$out" "$count" "$name" <<'PYTHON'
import json, sys
figures = {}
for line in open(sys.argv[1]):
    if line.startswith("{"):
        figure = json.loads(line)
        figures[figure["name"]] = figure
value = lambda name: figures[name]["median"]
ratio = figures["foreseen by measured"]
print(f"{sys.argv[2]:>5}  {sys.argv[3]:<20} {value('own work, foreseen'):8.1f} {value('network, foreseen'):8.1f} "
      f"{value('waiting for it, foreseen'):8.1f} "
      f"{value('step, foreseen'):9.1f} {value('step, measured'):9.1f} "
      f"{ratio['median']:7.2f}  {ratio['min']:.2f} to {ratio['max']:.2f}", flush=True)
PYTHON
}

keys=("$@")
echo "hosts  network                  own  network   waited  foreseen  measured   ratio            (ms; ${keys[*]})"
for count in 2 4 8; do
    for rate in ${RATES-100 1000 10000}; do
        measure "$count" "$rate Mbit/s" -r "$rate"
    done
    for delay in ${DELAYS-1000 5000}; do
        measure "$count" "1000 Mbit/s, $((delay / 1000)) ms" -w "$build/tests/net_switch" -l "$delay 1000 0"
    done
done
