#!/usr/bin/env bash
# The walls of the house: who may include whom, and which file is a foreign library's home.
#   source_rules.sh SOURCE_DIR
set -euo pipefail
cd "$1"
failures=0

# Files that include a header, other than those whose names match the pattern of its home.
only_in() {
    local header=$1 home=$2 found
    found=$(grep -rlE "#include [<\"]$header" src include | grep -vxE "$home" || true)
    [ -z "$found" ] || {
        echo "$header belongs in $home alone, not in: $found"
        failures=1
    }
}
only_in 'mpi\.h' 'src/dist/comm[a-z_]*\.[ch]'
only_in 'cblas\.h' 'src/nn/blas\.c'
only_in 'hdf5\.h' 'src/base/h5file[a-z_]*\.[ch]'
only_in 'cairo\.h' 'src/report/plot[a-z_]*\.[ch]'
only_in 'jansson\.h' 'src/(report/data|export/|command/info_)[a-z_]*\.[ch]'
only_in 'zip\.h' 'src/export/zip\.c'
only_in '[a-z_]*\.pb-c\.h' 'src/export/[a-z_]*\.c'
only_in 'turbojpeg\.h' 'src/data/gray_jpeg\.c'
only_in 'libexif/' 'src/data/gray_jpeg\.c'
only_in 'png\.h' 'src/(data/gray|report/sprite)\.c'
only_in 'yaml\.h' 'src/train/config_yaml\.c'

# A wing may include the wings named after it.
may_include() {
    local wing=$1 allowed=$2 found
    found=$(grep -rnE '#include "mnist_dist/' "src/$wing" "include/mnist_dist/$wing" 2>/dev/null |
        grep -vE "\"mnist_dist/($allowed)/" || true)
    [ -z "$found" ] || {
        echo "$wing may include $allowed only:"
        echo "$found"
        failures=1
    }
}
may_include base 'base'
may_include data 'base|data'
may_include nn 'base|nn'
may_include dist 'base|dist'
may_include train 'base|data|nn|dist|train'
may_include report 'base|data|nn|dist|train|report'
may_include export 'base|data|nn|dist|train|export'
may_include command 'base|data|nn|dist|train|report|export'

# Each public header compiles alone.
for header in include/mnist_dist/*/*.h; do
    echo "#include \"${header#include/}\"" |
        cc -std=c11 -D_GNU_SOURCE -Iinclude -fsyntax-only -Wall -Wextra -Werror -x c - || {
        echo "$header does not compile alone"
        failures=1
    }
done

# Whoever builds by hand needs what jobs/packages.sh installs.
# shellcheck source=jobs/packages.sh
. jobs/packages.sh
for package in "${BUILD_PACKAGES[@]}"; do
    sed -n '/^## Building by hand/,/^    cmake/p' README.md | grep -oE '[a-z0-9.+-]+' | grep -qxFe "$package" || {
        echo "README.md: Building by hand: $package is not named"
        failures=1
    }
done
exit $failures
