#!/usr/bin/env bash
# The Debian package: installed in a bare Debian, made by debootstrap, where it trains. Needs root and
# a Debian mirror; takes two minutes and 700 MB.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/../e2e/common.sh"
[ "$(id -u)" -eq 0 ] || skip "not root"
command -v debootstrap >/dev/null || skip "no debootstrap"
command -v dpkg-shlibdeps >/dev/null || skip "no dpkg-shlibdeps (dpkg-dev)"
unshare -m true 2>/dev/null || skip "no mounts of one's own here"

(cd "$work" && cpack -G DEB --config "$build/CPackConfig.cmake" -B "$work/packages") >cpack.txt 2>&1 ||
    { cat cpack.txt; fail "cpack"; }
package=$(find packages -maxdepth 1 -name 'mnist-dist_*.deb')
depends=$(dpkg-deb -f "$package" Depends)
for name in libc6 libhdf5 libopenblas0 libyaml openmpi-bin; do
    [[ $depends == *$name* ]] || fail "the package does not depend on $name: $depends"
done
if dpkg-deb -c "$package" | grep -vE ' \./(usr/.*)?$'; then fail "files outside of /usr"; fi

# Whatever apt needs here, it needs there.
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
# shellcheck disable=SC2016 # apt fills these in
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $release" 2>/dev/null | head -n 1)
debootstrap --variant=minbase "$release" bare "${mirror:-http://deb.debian.org/debian}" >debootstrap.txt 2>&1 ||
    { tail -n 5 debootstrap.txt; skip "debootstrap has no mirror"; }
rm -f bare/etc/apt/sources.list
cp -r /etc/apt/. bare/etc/apt/
cp /etc/resolv.conf bare/etc/ 2>/dev/null || true
make_digits 150 10
cp "$package" digits.h5 bare/root/
cat >bare/root/try.sh <<'TRY'
set -e
export DEBIAN_FRONTEND=noninteractive OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
apt-get update -q && apt-get install -q -y --no-install-recommends /root/mnist-dist_*.deb
cd /root
mkdir data && mv digits.h5 data/
mnist_dist info
mpirun --oversubscribe -np 4 mnist_dist --config /usr/share/mnist_dist/configs/smoke.yaml training.epochs=1
mnist_dist evaluate runs/smoke/checkpoints/best.h5
apt-get remove -q -y mnist-dist
[ ! -e /usr/bin/mnist_dist ]
TRY
unshare -m bash -c 'mount -t proc proc bare/proc && mount -t tmpfs shm bare/dev/shm &&
    exec chroot bare bash /root/try.sh' >try.txt 2>&1 || { tail -n 40 try.txt; fail "in the bare Debian"; }
grep -q '^state digest' try.txt || { cat try.txt; fail "no training in the bare Debian"; }
grep -q '^validation: accuracy' try.txt || fail "no evaluation in the bare Debian"
