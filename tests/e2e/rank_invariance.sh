#!/usr/bin/env bash
# The contract's one answer: after three epochs, the same digest of parameters, optimizer state,
# progress and metrics at every number of ranks and threads.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
make_digits 600 50

train 1 "${quick[@]}" --out reference >reference.txt
reference=$(digest_of reference.txt)
rates=$(grep -c 'rate falls' reference.txt || true)
[ "$rates" -ge 1 ] || fail "the learning rate was never halved"
for ranks in 1 2 3 4 5 7 8; do
    for threads in 1 2; do
        train "$ranks" "${quick[@]}" --out "run-$ranks-$threads" "training.threads=$threads" >out.txt
        [ "$(digest_of out.txt)" = "$reference" ] ||
            fail "$ranks ranks with $threads threads give other bits"
        cmp -s reference/submission.csv "run-$ranks-$threads/submission.csv" ||
            fail "$ranks ranks with $threads threads predict otherwise"
        echo "$ranks ranks, $threads threads: $reference"
    done
done
# As many machines, of one rank and of three: over messages, since they share no memory.
for node_ranks in 1 3; do
    export MNIST_DIST_NODE_RANKS=$node_ranks
    for ranks in 3 8; do
        train "$ranks" "${quick[@]}" --out "nodes-$node_ranks-$ranks" >out.txt
        [ "$(digest_of out.txt)" = "$reference" ] ||
            fail "$ranks ranks, $node_ranks on a node, give other bits"
        echo "$ranks ranks, $node_ranks on a node: $reference"
    done
    unset MNIST_DIST_NODE_RANKS
done
# However the numbers travel between them.
export MNIST_DIST_NODE_RANKS=2
for way in training.overlap=false training.bucket_size=16 training.bucket_size=0; do
    train 5 "${quick[@]}" --out "way-$way" "$way" >out.txt
    [ "$(digest_of out.txt)" = "$reference" ] || fail "$way gives other bits"
    echo "3 nodes, $way: $reference"
done
# Gradients that are rounded are so at every number of ranks and nodes, and alike.
train 1 "${quick[@]}" --out half training.wire=bfloat16 >half.txt
[ "$(digest_of half.txt)" != "$reference" ] || fail "training.wire=bfloat16 changed no bit"
for ranks in 3 8; do
    train "$ranks" "${quick[@]}" --out "half-$ranks" training.wire=bfloat16 >out.txt
    [ "$(digest_of out.txt)" = "$(digest_of half.txt)" ] ||
        fail "training.wire=bfloat16 gives other bits on $ranks ranks"
done
unset MNIST_DIST_NODE_RANKS
train 2 "${quick[@]}" --out other training.seed=5 >out.txt
[ "$(digest_of out.txt)" != "$reference" ] || fail "another seed gave the same bits"
