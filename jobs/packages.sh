# shellcheck shell=bash disable=SC2034 # the lists are used by those who source this
# The Debian packages that the project needs, how they are installed, and how the project is built;
# sourced by jobs/local.sh and tests/run.sh, so that each stands in one place.

# To build and run the program.
BUILD_PACKAGES=(ca-certificates clang cmake curl fonts-dejavu-core g++ gcc libcairo2-dev
    libclang-rt-dev-wasm32 libexif-dev libhdf5-dev libjansson-dev libjs-dygraphs
    libopenblas-dev libopenmpi-dev libpng-dev libprotobuf-c-dev librandom123-dev
    libturbojpeg0-dev libxxhash-dev libyaml-dev libzip-dev lld make openmpi-bin pkg-config
    protobuf-c-compiler wasi-libc zlib1g-dev)

# To test it, beside those.
TEST_PACKAGES=(bsdextrautils chromium clang-format-14 clang-tidy-14 cppcheck debootstrap dpkg-dev
    file fish gdb gnuplot-nox groff-base hdf5-tools iproute2 libclang-rt-dev libcmocka-dev
    libmpich-dev libopenblas-serial-dev lmod man-db mandoc mpich munge nodejs procps python3
    python3-h5py python3-venv shellcheck slurm-wlm tmux zsh)
# Others' packages of nodejs have npm in them, and Debian's npm does not go with those.
command -v npm >/dev/null || TEST_PACKAGES+=(npm)

# Installs those of the named packages that are missing; as root, or with sudo.
install_packages() {
    local missing=() package sudo=()
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    if [ ${#sudo[@]} -gt 0 ] && ! command -v sudo >/dev/null; then
        echo "missing packages: ${missing[*]}; install them as root and run this again" >&2
        return 1
    fi
    echo "installing: ${missing[*]}"
    local log
    log=$(mktemp)
    if ! { "${sudo[@]}" apt-get update -q &&
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
            --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "the packages could not be installed: ${missing[*]}" >&2
        return 1
    fi
    rm -f "$log"
}

# build_target FOLDER TARGET [CMAKE OPTIONS ...]: configures and builds; all output goes to FOLDER.log.
build_target() {
    local build=$1 target=$2
    shift 2
    if ! { cmake -S . -B "$build" "$@" && cmake --build "$build" -j "$(nproc)" -t "$target"; } \
        >"$build.log" 2>&1; then
        tail -n 40 "$build.log" >&2
        echo "the build failed; all of its output is in $build.log" >&2
        return 1
    fi
}
