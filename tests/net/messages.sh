#!/usr/bin/env bash
# What rank 0 sends and receives at the start, at an epoch's end, for a checkpoint and at the end grows
# no faster than the logarithm of the ranks, but for what MPI itself does in its collectives; a step
# costs as many messages to each other node.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/../e2e/common.sh"
long=${3:-}
ompi_info | grep -q 'pml: monitoring' || skip "this MPI has no pml_monitoring"
make_digits 600 50
ranks=4,8,16 node_ranks=1
[ -z "$long" ] || ranks=2,4,8,16,32,64 node_ranks=1,8
python3 "$source/tests/net/messages.py" --program "$program" --data digits.h5 --ranks "$ranks" \
    --node-ranks "$node_ranks" ${long:+--times}
