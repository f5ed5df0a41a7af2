#!/bin/sh
# What the shell recipe of LinuxKit's Dockerfile packs of a built kernel tree: the oracle
# for what kiln ships.
#
#   cd TREE && recipe.sh OUT [MAKE-VARIABLE...]
#
# Leaves OUT/{kernel.tar,kernel-headers.tar,kernel-dev.tar} and each one's sorted list of
# members, OUT/<name>.list. Needs the programs that the tree was built with.
set -eu
out=$1
shift
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$out/work
modules=$work/modules
rm -rf "$work"
mkdir -p "$modules" "$work/headers/usr"

make "$@" INSTALL_MOD_PATH="$modules" modules_install
release=$(basename "$modules"/lib/modules/*)
cd "$modules/lib/modules/$release"
rm -f build source
ln -s "/usr/src/linux-headers-$release" build
cd - >/dev/null
if grep -qx CONFIG_ARM64=y .config; then
	make "$@" INSTALL_DTBS_PATH="$modules/boot/dtb" dtbs_install
fi
tar -C "$modules" -cf "$out/kernel.tar" .

make "$@" INSTALL_HDR_PATH="$work/headers/usr" headers_install
tar -C "$work/headers" -cf "$out/kernel-headers.tar" usr

# What is pruned is printed as well, so tar takes those directories whole.
devkit=$work/usr/src/linux-headers-$release
mkdir -p "$devkit"
cp .config Module.symvers "$devkit"
find . -path './include/*' -prune -o -path './arch/*/include' -prune -o \
	-path './scripts/*' -prune -o -type f \( -name 'Makefile*' -o -name 'Kconfig*' \
	-o -name 'Kbuild*' -o -name '*.lds' -o -name '*.pl' -o -name '*.sh' \
	-o -name objtool -o -name fixdep -o -name randomize_layout_seed.h \) |
	tar -cf - -T - | tar -C "$devkit" -xf -
tar -C "$work" -cf "$out/kernel-dev.tar" usr/src
rm -rf "$work"

for name in kernel kernel-headers kernel-dev; do
	tar -tf "$out/$name.tar" | LC_ALL=C sort >"$out/$name.list"
done
