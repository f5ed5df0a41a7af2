#!/bin/sh
# Reading, sha256, unxz, PGP digest and unpacking of a kernel tarball in one pass, against
# xz -dc | tar x, which proves nothing: once for a file of one block, once for one of many.
# TARBALL=linux-X.tar.xz: that one; without it the host's linux-source package.
# RUNS=3 pairs, taken in turns; the medians and their ratio are printed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tool=${KILN_BUILD:-$here/../../build}/tests/bench/source_unpack
work=$(mktemp -d "${TMPDIR:-/var/tmp}/kiln-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
runs=${RUNS:-3}

if [ -z "${TARBALL:-}" ]; then
	package=$(apt-cache search --names-only '^linux-source-[0-9.]+$' | sort -V | tail -n 1 |
		cut -d' ' -f1)
	[ -n "$package" ] || { echo "give TARBALL=linux-X.tar.xz"; exit 0; }
	(cd "$work" && apt-get -q download "$package" >/dev/null 2>&1 && dpkg-deb -x ./*.deb deb)
	TARBALL=$(echo "$work"/deb/usr/src/linux-source-*.tar.xz)
fi

# Keys and a signature of this minute: gpgv does the same work for any key.
export GNUPGHOME="$work/gpg"
mkdir -m 700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' --quick-gen-key bench rsa4096 sign never 2>/dev/null
gpg --batch --quiet --export --output "$work/ring" bench
xz -dc "$TARBALL" >"$work/linux.tar"
gpg --batch --quiet --output "$work/linux.tar.sign" --detach-sign "$work/linux.tar" 2>/dev/null
gpgconf --kill all
xz -1 -T2 --block-size=24MiB -c "$work/linux.tar" >"$work/many.tar.xz"
xz -1 -T1 -c "$work/linux.tar" >"$work/one.tar.xz"
rm "$work/linux.tar"

seconds() { # wall seconds of a shell command
	begin=$(date +%s%N)
	sh -c "$1"
	echo "$begin $(date +%s%N)" | awk '{printf "%.2f\n", ($2 - $1) / 1e9}'
}
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

for file in one many; do
	: >"$work/kiln"
	: >"$work/tar"
	i=0
	while [ "$i" -lt "$runs" ]; do
		seconds "'$tool' '$work/$file.tar.xz' '$work/k' '$work/linux.tar.sign' '$work/ring'" \
			>>"$work/kiln"
		rm -rf "$work/k"
		seconds "mkdir '$work/t' && xz -dc '$work/$file.tar.xz' | tar -x -C '$work/t'" \
			>>"$work/tar"
		rm -rf "$work/t"
		i=$((i + 1))
	done
	k=$(median <"$work/kiln") t=$(median <"$work/tar")
	echo "$file block(s): kiln, all proofs $k s; xz -dc | tar x $t s;" \
		"ratio $(echo "$k $t" | awk '{printf "%.2f", $1 / $2}')"
done
