#!/usr/bin/env bash
# The files for clusters: Python and Lua that can be read, of the program's version, which name all
# that CMake looks for; and Lmod's module, loaded, where Lmod is.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
site=$source/jobs/site
version=$("$program" --version | cut -d' ' -f2)
spack=$site/spack/packages/mnist-dist/package.py
easybuild=$site/easybuild/mnist_dist-$version-foss-2022a.eb
lmod=$site/lmod/mnist_dist/$version.lua
for file in "$spack" "$easybuild" "$lmod"; do
    grep -q "\"$version\"\|'$version'\|Version: $version" "$file" || fail "$file: another version than $version"
done
python3 -c 'import ast, sys; [ast.parse(open(name).read()) for name in sys.argv[1:]]' "$spack" "$easybuild"

# Each of CMake's modules by the name that both have for it.
needed=$(sed -n 's/^pkg_[a-z_]*(\([A-Z0-9]*\) REQUIRED.*/\1/p; s/^find_package(\([A-Za-z]*\) REQUIRED.*/\1/p' \
    "$source/CMakeLists.txt")
for name in $needed; do
    case $name in
    PkgConfig) word=pkgconf ;;
    MPI | OPENBLAS) # EasyBuild's foss has these
        grep -qi "depends_on(\"$name" "$spack" || fail "$spack: no $name"
        continue ;;
    Threads) continue ;;
    TURBOJPEG) word=libjpeg-turbo ;;
    PNG | YAML | EXIF | ZIP) word=lib$name ;;
    PROTOBUF) word=protobuf-c ;;
    *) word=$name ;;
    esac
    grep -qi "depends_on(\"$word" "$spack" || fail "$spack: no $word"
    grep -qiE "\('(lib)?$word" "$easybuild" || fail "$easybuild: no $word"
done

lmod_init=/usr/share/lmod/lmod/init/bash
if [ -f $lmod_init ]; then
    MNIST_DIST_ROOT=$work/prefix bash -c ". $lmod_init && module use '$site/lmod' && module load mnist_dist &&
        echo \"\$PATH \$MNIST_DIST_JOBS\"" >loaded.txt 2>&1 || { cat loaded.txt; fail "module load"; }
    grep -q "$work/prefix/bin:.* $work/prefix/share/mnist_dist/jobs" loaded.txt || { cat loaded.txt; fail "the module's paths"; }
else
    echo "not loaded: the module file (no Lmod: Debian's package lmod)"
fi
