#!/usr/bin/env bash
# Builds with other compilers and libraries, warnings as errors, and runs their unit and MPI tests:
#   builds.sh BUILD_DIR SOURCE_DIR [long]
# BUILD_DIR is gcc, Open MPI, pthread OpenBLAS and a static libmnist_dist, as it is built by default.
# One more build has the other of each: clang, MPICH, serial OpenBLAS, shared. The long form builds
# all eight of compiler, MPI and OpenBLAS. MPICH's ranks poll without pause, so that tests of more
# ranks than processors take minutes: the short form runs those of 1 and 2 ranks.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/e2e/common.sh"
long=${3:-}
blas_folder() {
    find /usr/lib -maxdepth 4 -path "*/openblas-$1/pkgconfig" -print -quit
}
for tool in clang-14 gcc-12 mpicc.mpich mpicc.openmpi; do
    command -v $tool >/dev/null || skip "no $tool: see TEST_PACKAGES in jobs/packages.sh"
done
[ -n "$(blas_folder serial)" ] || skip "no serial OpenBLAS (libopenblas-serial-dev)"
make_digits 100 10

# try COMPILER MPI BLAS SHARED
try() {
    local compiler=$1 mpi=$2 blas=$3 shared=$4 ranks folder
    local name=$compiler-$mpi-$blas
    folder=$build/builds/$name
    echo "== $name"
    if ! { PKG_CONFIG_PATH=$(blas_folder "$blas") cmake -S "$source" -B "$folder" \
        -DMNIST_DIST_WERROR=ON -DCMAKE_C_COMPILER="$compiler" -DBUILD_SHARED_LIBS="$shared" \
        -DMPI_EXECUTABLE_SUFFIX=".$mpi" && cmake --build "$folder" -j "$(nproc)"; } >"$name.txt" 2>&1; then
        grep -E 'error|warning' "$name.txt" | head -n 20
        fail "$name does not build"
    fi
    ldd "$folder/mnist_dist" >libraries.txt
    grep -q "openblas-$blas" libraries.txt || [ "$blas" = pthread ] || fail "$name: another OpenBLAS"
    "mpiexec.$mpi" -np 2 "$folder/mnist_dist" info >info.txt
    grep -iq "  mpi  *${mpi/openmpi/open mpi} [0-9]" info.txt || fail "$name: another MPI"
    for ranks in 1 2; do
        "mpiexec.$mpi" -np "$ranks" "$folder/mnist_dist" train "${quick[@]}" --out "$name-$ranks" \
            training.epochs=1 >"$name-$ranks.txt" 2>&1 || { cat "$name-$ranks.txt"; fail "$name: $ranks ranks"; }
    done
    [ "$(digest_of "$name-1.txt")" = "$(digest_of "$name-2.txt")" ] || fail "$name: ranks change the bits"
    ctest --test-dir "$folder" --output-on-failure -j "$(nproc)" -L unit | tail -n 200 >"$name.txt" ||
        { cat "$name.txt"; fail "$name: unit tests"; }
    ctest --test-dir "$folder" --output-on-failure -L mpi -R "_([12]${long:+|3})\$" >"$name.txt" ||
        { cat "$name.txt"; fail "$name: MPI tests"; }
    grep '% tests passed' "$name.txt"
}

if [ -z "$long" ]; then
    try clang-14 mpich serial ON
else
    for compiler in gcc-12 clang-14; do
        for mpi in openmpi mpich; do
            for blas in pthread serial; do
                try $compiler $mpi $blas OFF
            done
        done
    done
fi
