#!/usr/bin/env bash
# Builds libFuzzer's targets by clang in a folder of the build folder and runs each for so many seconds,
# as many at a time as there are cores, from the corpus beside this script.
#   run.sh BUILD_DIR SOURCE_DIR SECONDS [TARGET ...]
# What a run finds anew stays in BUILD_DIR/fuzz/found/TARGET, a finding in BUILD_DIR/fuzz/TARGET-crash-*.
set -euo pipefail

build=$(cd "$1" && pwd)/fuzz
source=$(cd "$2" && pwd)
seconds=$3
shift 3
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(csv idx picture config checkpoint dataset)

if ! command -v clang >/dev/null || [ ! -e "$(clang -print-resource-dir)/lib/linux/libclang_rt.fuzzer-$(uname -m).a" ]; then
    echo "skipped: no clang with libFuzzer (Debian: clang libclang-rt-dev)"
    exit 77
fi

mkdir -p "$build"
if ! { cmake -S "$source" -B "$build" -DCMAKE_C_COMPILER=clang -DMNIST_DIST_FUZZ=ON &&
    cmake --build "$build" -j "$(nproc)" -t fuzzers; } >"$build/build.log" 2>&1; then
    tail -n 40 "$build/build.log"
    exit 1
fi

fuzz() {
    local target=$1 rc=0
    mkdir -p "$build/found/$target"
    "$build/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len=8192 -len_control=0 \
        -timeout=10 -rss_limit_mb=2500 -print_final_stats=1 -artifact_prefix="$build/$target-" \
        "$build/found/$target" "$source/tests/fuzz/corpus/$target" >"$build/$target.log" 2>&1 || rc=$?
    if [ $rc -eq 0 ]; then
        echo "$target: $(awk '/number_of_executed_units/ {print $2}' "$build/$target.log") inputs, no finding;" \
            "$(grep -Eo 'cov: [0-9]+' "$build/$target.log" | tail -n 1 | cut -c6-) edges"
    else
        echo "$target: a finding (exit code $rc); the end of $build/$target.log:"
        tail -n 40 "$build/$target.log"
    fi
    return $rc
}

echo "libFuzzer: $seconds s each"
[ "$seconds" -ge 60 ] ||
    echo "60 s each do not fit into CI's time; tests/run.sh --long gives each an hour"
failed=0
running=0
for target in "${targets[@]}"; do
    fuzz "$target" &
    running=$((running + 1))
    if [ $running -ge "$(nproc)" ]; then
        wait -n || failed=1
        running=$((running - 1))
    fi
done
while [ $running -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
exit $failed
