#!/usr/bin/env bash
# After `cmake --install`: plain `mpirun -np 8 mnist_dist` in any folder that has data, a stranger's
# project on the library, the jobs, the manuals and the completions.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
prefix=$work/prefix share=$work/prefix/share/mnist_dist
cmake --install "$build" --prefix "$prefix" >/dev/null
export PATH=$prefix/bin:$PATH
for file in configs/baseline.yaml jobs/train.sbatch data/get.sh; do
    [ -s "$share/$file" ] || fail "no $file is installed"
done
for file in LICENSE CHANGELOG.md CITATION.cff; do
    [ -s "$prefix/share/doc/mnist_dist/$file" ] || fail "no $file is installed"
done
make_digits 150 10
mkdir -p elsewhere/data && cp digits.h5 elsewhere/data/
cd elsewhere
mpirun -np 8 mnist_dist training.epochs=1 >out.txt 2>&1 || { cat out.txt; fail "installed program"; }
[ "$(wc -l <runs/baseline/submission.csv)" -eq 11 ] || fail "no submission of 10 rows"
cd "$work"

# A stranger's project: by find_package, and by pkg-config; both train the same step.
libdir=$(dirname "$(find "$prefix" -name 'mnist_dist.pc')")
if ! { cmake -S "$source/tests/e2e/consumer" -B consumer -DCMAKE_PREFIX_PATH="$prefix" &&
    cmake --build consumer; } >consumer.txt 2>&1; then
    cat consumer.txt
    fail "find_package(mnist_dist)"
fi
mpirun -np 2 consumer/step digits.h5 >step.txt
grep -Eq '^loss [0-9.]+ of 919146 parameters$' step.txt || { cat step.txt; fail "the consumer's step"; }
export PKG_CONFIG_PATH=$libdir
read -ra flags <<<"$(pkg-config --cflags --libs mnist_dist)"
cc -o step "$source/tests/e2e/consumer/step.c" "${flags[@]}" || fail "pkg-config mnist_dist"
./step digits.h5 | cmp - step.txt || fail "the step by pkg-config is another"
[ "$(pkg-config --modversion mnist_dist)" = "$(mnist_dist --version | cut -d' ' -f2)" ] ||
    fail "mnist_dist.pc has another version than the program"

# Jobs are where they say that they are: nothing of the source folder's layout is left in them.
for job in "$share"/jobs/*; do
    bash -n "$job"
    # shellcheck disable=SC2016 # these words are looked for as they are
    if grep -nE 'SUBMIT_DIR:-\.\}/jobs|\$root/jobs| data/get\.sh$' "$job" | grep -v ':#'; then
        fail "$job: looks for its files in the project's folder"
    fi
done
grep -q "^\. \"$share/jobs/slurm.sh\"" "$share/jobs/train.sbatch" || fail "train.sbatch sources another file"
SLURM_SUBMIT_DIR=$work bash -c ". '$share/jobs/slurm.sh'; declare -F job_train worth_restarting" >/dev/null ||
    fail "slurm.sh does not find restart.sh"

# Manuals and completions are where they are looked for.
for file in man/man1/mnist_dist.1 man/man5/mnist_dist.yaml.5 man/man5/mnist_dist-files.5 \
    bash-completion/completions/mnist_dist zsh/site-functions/_mnist_dist \
    fish/vendor_completions.d/mnist_dist.fish; do
    [ -s "$prefix/share/$file" ] || fail "no share/$file is installed"
done
MANPATH=$prefix/share/man man -w 5 mnist_dist.yaml >/dev/null || fail "man finds no mnist_dist.yaml(5)"
