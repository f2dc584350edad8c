#!/usr/bin/env bash
# What reads the sources without running them: clang-tidy (.clang-tidy), cppcheck and gcc's
# -fanalyzer. No finding is let pass; one that is wrong is named in its place, with the reason.
#   analysis.sh BUILD_DIR SOURCE_DIR
set -euo pipefail
build=$(cd "$1" && pwd)/analysis
cd "$2"
mkdir -p "$build"
failures=0

# finish NAME SINCE: how it went by its exit code, and what is in its log.
finish() {
    local code=$? name=$1 log=$build/$1.log
    if [ $code -eq 0 ]; then
        echo "$name: no finding, $((SECONDS - $2)) s"
    else
        grep -E '(warning|error|performance|portability):' "$log" | sort -u || cat "$log"
        echo "$name: exit code $code, all that it said is in $log"
        failures=1
    fi
}

cmake --preset tidy -B "$build/tidy" >"$build/configure.log"
cmake --preset analyze -B "$build/analyze" >>"$build/configure.log"
set +e

since=$SECONDS
cmake --build "$build/analyze" -j "$(nproc)" -t mnist_dist -- -k >"$build/fanalyzer.log" 2>&1
finish fanalyzer $since

# One file a call: clang-tidy 14 takes every va_list of a second one for uninitialized. Sources that
# the build makes are there by now.
since=$SECONDS
find src -name '*.c' ! -path '*/wasm/*' ! -path '*/kernels/*' -print0 |
    xargs -0 -n 1 -P "$(nproc)" clang-tidy-14 -p "$build/tidy" --quiet \
        --extra-arg=-I"$build/analyze/export" >"$build/clang-tidy.log" 2>&1
finish clang-tidy $since

# Its parser takes a vector's literal for broken syntax, so the kernels are not for it, and it cannot
# expand the macros of two tables.
since=$SECONDS
cppcheck -j "$(nproc)" -q --std=c11 --enable=warning,performance,portability --inline-suppr \
    --error-exitcode=1 -I include -I src -D_GNU_SOURCE \
    '-Djson_object_foreach(o, k, v)=for (;;)' '-Djson_array_foreach(a, i, v)=for (;;)' \
    --suppress=preprocessorErrorDirective:src/train/config_keys.c \
    --suppress=preprocessorErrorDirective:src/report/page.c -i src/nn/kernels src \
    >"$build/cppcheck.log" 2>&1
finish cppcheck $since

exit $failures
