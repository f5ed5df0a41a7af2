#!/bin/sh
# A tree as one layer of an image in a layout: kiln beside umoci, buildah, and what a pipe
# in a shell takes that makes no digests. Rounds are interleaved, the best of each counts.
# TREE=dir: another tree than the modules of the distribution's kernel. ROUNDS=n.
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
pack=$here/build/tests/bench/oci_pack
timed=$here/build/tests/bench/timed
rounds=${ROUNDS:-5}
work=$(mktemp -d "${TMPDIR:-/tmp}/kiln-bench.XXXXXX")
storage="--root $work/s --runroot $work/r --storage-driver ${STORAGE:-vfs}"
trap 'rm -rf "$work"' EXIT
cd "$work"

tree=${TREE:-}
if [ -z "$tree" ]; then
	name=$(apt-cache depends linux-image-"$(dpkg --print-architecture)" |
		awk '/Depends: linux-image/ {print $2; exit}')
	apt-get download -q "$name" >/dev/null 2>&1
	dpkg-deb --fsys-tarfile "$name"_*.deb | { mkdir tree && tar x -C tree ./lib/modules; }
	tree=$work/tree
fi
cat $(find "$tree" -type f | head -n 100000) >/dev/null 2>&1 || true

have() { command -v "$1" >/dev/null 2>&1 || { echo "$1: not here, left out"; return 1; }; }
run() { # $1 row, then the command
	row=$1
	shift
	"$timed" "$work/$row.times" "$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
}

one_round() {
	for how in gzip zstd; do
		rm -rf "l-$how"
		OCI_PACK_NO_SYNC=1 run "kiln-$how" "$pack" $how 2 "$tree" "l-$how"
		rm -rf "l-$how"
		run "kiln-$how-synced" "$pack" $how 2 "$tree" "l-$how"
	done
	have tar && run tar-igzip sh -c "tar c -C '$tree' . | igzip -T2 -c >igzip.out"
	run tar-zstd sh -c "tar c -C '$tree' . | zstd -q -T2 -c >zstd.out"
	if have umoci; then
		rm -rf u && umoci init --layout u && umoci new --image u:x
		run umoci-insert umoci insert --rootless --image u:x "$tree" /
	fi
	if have buildah && [ "$(id -u)" = 0 ]; then
		rm -rf b
		container=$(buildah $storage from scratch)
		run buildah-copy buildah $storage copy -q "$container" "$tree" /
		run buildah-commit buildah $storage commit -q --disable-compression=false "$container" oci:b:x
		buildah $storage rm "$container" >/dev/null
	fi
}

i=0
while [ $i -lt "$rounds" ]; do
	one_round
	i=$((i + 1))
done

# A tree gets into a layout by copying and committing: the two together are what one does
# instead of kiln. Committing alone is shown as well.
[ ! -f buildah-copy.times ] ||
	paste -d' ' buildah-copy.times buildah-commit.times | awk '{print $1 + $3, $2 + $4}' >buildah.times

best() { sort -n "$work/$1.times" | head -n 1; }
ratio() { # $1 row, $2 against, $3 at most
	[ -f "$work/$2.times" ] || return 0
	echo "$(best "$1") $(best "$2")" | awk -v a="$1" -v b="$2" -v max="$3" \
		'{printf "%-18s / %-16s wall %.2f (wanted: at most %s)  cpu %.2f\n", a, b,
		$1 / $3, max, $2 / $4}'
}
size() { du -sk --apparent-size "$@" 2>/dev/null | awk '{s += $1} END {printf "%.1f MB", s / 1000}'; }

echo "tree: $(size "$tree"), $(find "$tree" -type f | wc -l) files; best of $rounds; load $(cut -d' ' -f1 /proc/loadavg)"
for row in kiln-gzip kiln-gzip-synced kiln-zstd kiln-zstd-synced tar-igzip tar-zstd umoci-insert \
	buildah buildah-commit; do
	[ -f "$work/$row.times" ] || continue
	best "$row" | awk -v row="$row" '{printf "%-18s wall %6.2f s  cpu %6.2f s\n", row, $1, $2}'
done
echo "sizes: kiln gzip $(size l-gzip), kiln zstd $(size l-zstd), igzip $(size igzip.out), zstd $(size zstd.out)"
ratio kiln-gzip umoci-insert 0.35
ratio kiln-gzip buildah 0.15
ratio kiln-gzip tar-igzip 1.00
ratio kiln-zstd umoci-insert 0.35
ratio kiln-zstd buildah 0.15
ratio kiln-zstd tar-zstd 1.00
