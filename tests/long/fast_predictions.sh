#!/usr/bin/env bash
# The kept predictions of configs/fast.yaml, seed 0, made again: the same file, byte for byte.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/../e2e/common.sh"
full_data
train 2 --config "$source/configs/fast.yaml" --data digits.h5 --out run training.seed=0 | tee out.txt
grep -q '37800 rows to train on, 4200 held out, 28000 to predict' out.txt ||
    skip "data/digits.h5 is not made from the 42,000 rows"
grep '^kernels:' out.txt | grep -q avx512 ||
    skip "the predictions were made by AVX-512 kernels, and other kernels have other bits"
gzip -dc "$source/tests/reference/predictions/fast-0.csv.gz" | cmp - run/submission.csv ||
    fail "not the predictions that were kept"
