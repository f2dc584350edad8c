#!/usr/bin/env bash
# Sixty-four ranks on this machine finish a smoke run with the bits of one: as one node, and as eight
# nodes of eight.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/../e2e/common.sh"
make_digits 600 50
many=("${quick[@]}" training.shards=64 training.epochs=2 training.batch_size=150 output.report=never)

train 1 "${many[@]}" --out whole >whole.txt
same=$(digest_of whole.txt)
for node_ranks in 64 8; do
    MNIST_DIST_NODE_RANKS=$node_ranks train 64 "${many[@]}" --out run >out.txt || { cat out.txt; fail "nodes of $node_ranks"; }
    [ "$(digest_of out.txt)" = "$same" ] || { cat out.txt; fail "nodes of $node_ranks: other bits"; }
    cmp -s whole/submission.csv run/submission.csv || fail "nodes of $node_ranks: other predictions"
    rm -rf run
    echo "64 ranks, $node_ranks a node: same"
done
