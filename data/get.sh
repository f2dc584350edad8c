#!/usr/bin/env bash
# Makes data/digits.h5 (beside this script) from the first of these that is there:
#
#   1. a folder given as argument, with train.csv and perhaps test.csv (plain or .gz), or MNIST's
#      IDX files (plain or .gz);
#   2. the same files in data/ itself;
#   3. MNIST from public mirrors, checked against its SHA-256 digests;
#   4. the 5,000 handwritten digits of Debian's package opencv-doc, which need no network beyond
#      a Debian mirror.
#
#   data/get.sh [FOLDER]
#
# A digits.h5 that is there is kept. Environment: MNIST_DIST, the program (else build/mnist_dist, else
# mnist_dist on the PATH); MNIST_MIRRORS, the mirrors to try (empty: none); MNIST_DATA, another folder
# than this script's. data/README.md has the
# licences.
set -euo pipefail

mirrors=${MNIST_MIRRORS-"https://ossci-datasets.s3.amazonaws.com/mnist
https://storage.googleapis.com/cvdf-datasets/mnist"}
sheet=usr/share/doc/opencv-doc/examples/data/digits.png

usage() {
    sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"
}

say() {
    echo "get.sh: $*"
}

fail() {
    echo "get.sh: $*" >&2
    exit "${2:-1}"
}

find_program() {
    if [ -n "${MNIST_DIST:-}" ]; then
        program=$(command -v "$MNIST_DIST") || fail "MNIST_DIST=$MNIST_DIST: is no program"
    elif [ -x "$data/../build/mnist_dist" ]; then
        program=$data/../build/mnist_dist
    elif ! program=$(command -v mnist_dist); then
        fail "no mnist_dist to import with; build it (cmake -S . -B build && cmake --build build)"
    fi
}

# first_of FILE...: the first that exists.
first_of() {
    local file
    for file; do
        if [ -f "$file" ]; then
            echo "$file"
            return
        fi
    done
    return 1
}

# import SOURCE_IN_WORDS TRAIN [TEST]: what cannot be imported is not passed over, it ends all.
import() {
    local what=$1
    shift
    "$program" import "$@" -o "$out" || exit $?
    say "made $out from $what"
}

# from_folder FOLDER: CSV or IDX in it; fails quietly if there is neither.
from_folder() {
    local train test
    if train=$(first_of "$1"/train.csv{,.gz}); then
        test=$(first_of "$1"/test.csv{,.gz}) || true
    elif train=$(first_of "$1"/train-images{-,.}idx3-ubyte{,.gz}); then
        test=$(first_of "$1"/t10k-images{-,.}idx3-ubyte{,.gz}) || true
    else
        return 1
    fi
    import "$train${test:+ and $test}" "$train" ${test:+"$test"}
}

download() {
    if command -v curl >/dev/null; then
        curl -fsSL --connect-timeout 5 --max-time 120 -o "$2" "$1"
    elif command -v wget >/dev/null; then
        wget -q --timeout=5 --tries=1 -O "$2" "$1"
    else
        echo "neither curl nor wget is there" >&2
        return 1
    fi
}

# from_mirror URL: the four files, digests and all.
from_mirror() {
    local digest name reason=$temporary/reason
    while read -r digest name; do
        if ! download "$1/$name" "$temporary/$name" 2>"$reason"; then
            say "passed over $1: $(tail -n 1 "$reason")"
            return 1
        fi
        if ! echo "$digest  $temporary/$name" | sha256sum --status -c -; then
            say "passed over $1: $name has another SHA-256 digest than MNIST's"
            return 1
        fi
    done <<'DIGESTS'
440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609 train-images-idx3-ubyte.gz
3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c train-labels-idx1-ubyte.gz
8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6 t10k-images-idx3-ubyte.gz
f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6 t10k-labels-idx1-ubyte.gz
DIGESTS
    import "MNIST, from $1" "$temporary"/{train,t10k}-images-idx3-ubyte.gz
}

from_mirrors() {
    local mirror
    for mirror in $mirrors; do
        if from_mirror "$mirror"; then return 0; fi
    done
    return 1
}

# Fetches the package into the temporary folder. As root, apt would give the work to a user who
# may not write there; without the lists, they are fetched first, to a place of our own.
download_package() {
    local apt=(apt-get -qq -o APT::Sandbox::User=root)
    cd "$temporary"
    if "${apt[@]}" download opencv-doc; then return 0; fi
    mkdir -p lists/partial cache/archives/partial
    apt+=(-o Dir::State::Lists="$temporary/lists" -o Dir::Cache="$temporary/cache"
        -o Acquire::http::Timeout=10 -o Acquire::https::Timeout=10)
    "${apt[@]}" update && "${apt[@]}" download opencv-doc
}

from_opencv() {
    local package reason=$temporary/reason
    if [ -f "/$sheet" ]; then
        import "/$sheet of opencv-doc" "/$sheet"
        return
    fi
    if ! command -v apt-get >/dev/null; then
        say "passed over Debian's package opencv-doc: no apt-get here"
        return 1
    fi
    if ! (download_package) >"$reason" 2>&1; then
        say "passed over Debian's package opencv-doc: $(tail -n 1 "$reason")"
        return 1
    fi
    package=$(first_of "$temporary"/opencv-doc_*.deb)
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$temporary" "./$sheet" || exit 1
    import "digits.png of Debian's package $(basename "$package")" "$temporary/$sheet"
}

data=${MNIST_DATA:-$(dirname "$0")}
mkdir -p "$data"
data=$(cd "$data" && pwd)
out=$data/digits.h5
case ${1:-} in
-h | --help) usage && exit 0 ;;
-*) fail "$1: no such option; see data/get.sh --help" 2 ;;
esac
[ $# -le 1 ] || fail "takes one folder; see data/get.sh --help" 2
if [ -e "$out" ]; then
    say "$out is already there; remove it to make it anew"
    exit 0
fi
find_program
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if [ $# -eq 1 ]; then
    [ -d "$1" ] || fail "$1: is no folder" 2
    from_folder "$1" || fail "$1: holds neither train.csv nor train-images-idx3-ubyte, plain or .gz" 3
    exit
fi
if from_folder "$data"; then exit; fi
say "passed over $data: neither train.csv nor train-images-idx3-ubyte there, plain or .gz"
if from_mirrors; then exit; fi
if from_opencv; then exit; fi
fail "nothing to make $out from; put Kaggle's train.csv and test.csv into $data and run it again" 3
