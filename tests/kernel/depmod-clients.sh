#!/bin/sh
# Asks kmod's own readers about a tree's indexes, and prints what they say: modprobe for
# every module and some aliases, modinfo, and kmod static-nodes. depmod-clients.sh TREE
# RELEASE [STEP]: every STEPth module.
set -eu
tree=$1 release=$2 step=${3:-1}
dir=$tree/lib/modules/$release

sed -n "s/:.*//; 1~${step}p" "$dir/modules.dep" | while read -r path; do
	name=${path##*/}
	name=${name%%.*}
	echo "== $name"
	modprobe -n -d "$tree" -S "$release" --show-depends "$name"
	modinfo -b "$tree" -k "$release" -F license "$name"
done
echo "== aliases and symbols"
awk -v s="$step" '/^alias/ && NR % s == 0 {print $2}' "$dir/modules.alias" \
	"$dir/modules.symbols" | grep -v '\[' | while read -r alias; do
	modprobe -n -d "$tree" -S "$release" -R "$alias" || echo "not found: $alias"
done
echo "== built in"
sed 's|.*/||; s|\.ko$||' "$dir/modules.builtin" | head -n 20 | while read -r name; do
	modprobe -n -d "$tree" -S "$release" --show-depends "$name"
done
echo "== the whole configuration"
modprobe -c -d "$tree" -S "$release" | grep -E '^(alias|softdep)' | sort | cksum

# It knows only the running kernel's directory.
echo "== static nodes"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/depmod-clients.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/upper" "$scratch/work"
unshare -rm sh -euc 'mount -t overlay overlay -o \
	"lowerdir=/usr/lib,upperdir=$1/upper,workdir=$1/work" /usr/lib
	mkdir -p "/usr/lib/modules/$(uname -r)"
	cp "$2/modules.devname" "/usr/lib/modules/$(uname -r)/"
	kmod static-nodes --format=devname' sh "$scratch" "$dir"
