#!/bin/bash
# kiln depmod beside kmod's: Debian's kernels, plain modules and .ko.xz, in turn, warm
# cache. Each row: medians, and the median of the ratios pair by pair. The oracles are the
# host's depmod (against the same libkmod and liblzma) and trixie's, through its own loader:
# once beside kiln as it is, once beside kiln with trixie's libc, libkmod and liblzma too,
# as a kiln that was compiled there has them.
# RUNS: pairs for the plain tree (7). It fetches about 300 MB the first time.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@" # for its time keyword
set -eu
cd "$(dirname "$0")/../.."
kiln=$PWD/build/kiln cache=$PWD/build/oracles runs=${RUNS:-7}
fetch() { sh tests/kernel/debian-fetch.sh "$@"; }

fetch trixie "$cache/kmod34" kmod libkmod2 liblzma5 zlib1g libzstd1 libc6 libssl3t64
fetch bookworm "$cache/amd64-plain" 'linux-image-6.1.0-[0-9]*-amd64$*'
fetch trixie "$cache/amd64-xz" 'linux-image-6.12.*[0-9]-amd64$*'
for tree in amd64-plain amd64-xz; do # trixie's package has merged /usr only
	[ -e "$cache/$tree/lib" ] || ln -s usr/lib "$cache/$tree/lib"
done
lib=$cache/kmod34/usr/lib/x86_64-linux-gnu
kmod34="$lib/ld-linux-x86-64.so.2 --library-path $lib --argv0 depmod $cache/kmod34/usr/bin/kmod"

once() { # seconds: wall, user + system
	local TIMEFORMAT='%R %U %S'
	{ time "$@" >/dev/null 2>&1; } 2>&1 | awk '{print $1, $2 + $3}'
}
median() { sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
pair() { # NAME RUNS TREE COMPAT "KILN..." ORACLE...
	local name=$1 n=$2 tree=$cache/$3 compat=$4 kiln=$5 release i
	shift 5
	release=$(ls "$tree/lib/modules")
	local table
	table=$(for ((i = 0; i <= n; i++)); do
		echo "$(once $kiln depmod --compat "$compat" -b "$tree" "$release")" \
			"$(once "$@" -b "$tree" "$release")"
	done | tail -n "$n") # the first pair warms the cache
	printf '%-22s' "$name"
	for column in '$1' '$2' '$3' '$4' '$1 / $3' '$2 / $4'; do
		printf ' %9.3f' "$(awk "{print $column}" <<<"$table" | median)"
	done
	printf '\n'
}
there="$lib/ld-linux-x86-64.so.2 --library-path $lib:/usr/lib/x86_64-linux-gnu $kiln"
printf '%-22s %9s %9s %9s %9s %9s %9s\n' '' 'kiln wall' 'cpu' 'kmod wall' 'cpu' 'wall' 'cpu ratio'
pair 'plain, kmod 30' "$runs" amd64-plain 30 "$kiln" /sbin/depmod
pair 'plain, kmod 34' "$runs" amd64-plain 34 "$kiln" $kmod34
pair 'plain, 34 for both' "$runs" amd64-plain 34 "$there" $kmod34
pair '.ko.xz, kmod 30' 3 amd64-xz 30 "$kiln" /sbin/depmod
pair '.ko.xz, kmod 34' 3 amd64-xz 34 "$kiln" $kmod34
pair '.ko.xz, 34 for both' 3 amd64-xz 34 "$there" $kmod34
