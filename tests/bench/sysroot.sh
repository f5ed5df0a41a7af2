#!/bin/sh
# A root directory from the same packages: kiln against mmdebstrap --variant=extract, both
# from local files, in turn. Needs root (mmdebstrap's quickest mode), apt and a mirror.
set -eu
cd "$(dirname "$0")/../.."
kiln=$PWD/build/kiln
for p in mmdebstrap apt-ftparchive; do
	command -v $p >/dev/null || { echo "skipped: no $p (mmdebstrap, apt-utils)"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo "skipped: not root"; exit 0; }
rounds=${1:-3}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/kiln-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
export KILN_STORE="$work/store"

# The shipped package list for x86_64 and aarch64 with gcc, with nothing left out: what
# kiln leaves out by its conf, mmdebstrap would have to write.
mkdir -p "$work/ws/sysroot" "$work/repo"
grep -v -e '^without' -e '^exclude' sysroot/debian-12.conf |
	sed '/^\[gcc-riscv64\]/,$d' >"$work/ws/sysroot/bench.conf"
$kiln -C "$work/ws" sysroot lock bench >/dev/null
$kiln -C "$work/ws" sysroot fetch bench
lock=$work/ws/sysroot/bench.lock
awk '$1 == "package" {print $7, $8}' "$lock" | while read -r sum path; do
	ln "$KILN_STORE/cache/$sum.deb" "$work/repo/$(basename "$path")" 2>/dev/null ||
		cp "$KILN_STORE/cache/$sum.deb" "$work/repo/$(basename "$path")"
done
(cd "$work/repo" && apt-ftparchive packages . >Packages)
list=$(awk '$1 == "package" {printf "%s%s", s, $3; s = ","}' "$lock")
count=$(grep -c ^package "$lock")

timed() { # name command...
	name=$1
	shift
	rm -rf "$work/root"
	sync
	/usr/bin/time -f '%e %U %S' -o "$work/time" "$@" >"$work/log" 2>&1 || {
		tail -n 5 "$work/log"
		exit 1
	}
	awk -v n="$name" '{printf "  %-24s %6.2f s wall  %6.2f s user+sys\n", n, $1, $2 + $3}' \
		"$work/time"
	awk '{print $1}' "$work/time" >>"$work/$name.wall"
}
median() { sort -n "$work/$1.wall" | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

echo "$count packages, $(cat "$work"/repo/*.deb | wc -c | awk '{print int($1 / 1e6)}') MB"
i=0
while [ $i -lt "$rounds" ]; do
	# `fetch` unpacks what has come while the rest is still coming. kiln-cold has the
	# packages alone, kiln the cache as fetch leaves it.
	rm -rf "$KILN_STORE/cache/trees"
	timed kiln-cold $kiln -C "$work/ws" --offline sysroot make bench "$work/root"
	timed mmdebstrap mmdebstrap --mode=root --variant=extract --format=directory \
		--include="$list" bookworm "$work/root" \
		"deb [trusted=yes] copy:$work/repo ./"
	timed kiln $kiln -C "$work/ws" --offline sysroot make bench "$work/root"
	i=$((i + 1))
done
for k in kiln-cold kiln; do
	awk -v n=$k -v k="$(median $k)" -v m="$(median mmdebstrap)" 'BEGIN {
		printf "%s: %.2f s, mmdebstrap %.2f s: %.1f times faster\n", n, k, m, m / k}'
done
