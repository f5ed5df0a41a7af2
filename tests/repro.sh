#!/bin/sh
# Builds the same targets twice under circumstances that must not matter, and compares
# every file of the results and the images:
#
#	user, path of workspace and store, -j, umask, TZ, LANG, hostname, date
#
# Usage: repro.sh [-C WORKSPACE] [-u USER] [-d DIR] [-k] TARGET... [kiln build's options]
#   -C  the workspace (default: kernel/quickstart)
#   -u  the second build's user, where root calls; without it, and for anyone else, the
#       second build is root of a user namespace
#   -d  where both builds go (default: a directory below $TMPDIR); -k keeps them
# KILN is the program, KILN_MIRROR the sources (default: apt:). Two stores, no ccache: all
# is fetched and compiled twice. Exit status 9: something differs.
#
# The date: no namespace shifts CLOCK_REALTIME, and the environment in a box is fixed, so
# faketime(1) around kiln reaches kiln alone. A library in /etc/ld.so.preload of the
# second store's roots moves the clock for every program in its boxes (all are dynamic),
# and LD_PRELOAD does the same for kiln; it is there for all that comes after fetching.
set -eu
cd "$(dirname "$0")/.."

workspace=kernel/quickstart user='' top='' keep=''
while getopts C:u:d:k option; do
	case $option in
	C) workspace=$OPTARG ;;
	u) user=$OPTARG ;;
	d) top=$OPTARG ;;
	k) keep=1 ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { echo "repro.sh: no target" >&2; exit 2; }

kiln=$(realpath "${KILN:-./kiln}")
export KILN_DATA="${KILN_DATA:-$PWD}" KILN_MIRROR="${KILN_MIRROR:-apt:}"
stages="patch archive config compile pack perf image perf-image"
days=400
[ -n "$top" ] || top=$(mktemp -d "${TMPDIR:-/tmp}/kiln-repro.XXXXXX")
mkdir -p "$top"
top=$(realpath "$top")
a=$top/a b="$top/b/another/and a longer path"
rm -rf "$top/a" "$top/b"
finish() { [ -n "$keep" ] || rm -rf "$top/a" "$top/b" "$top/clock.so"; }
trap finish EXIT

cat >"$top/clock.c" <<-EOF
	#define _GNU_SOURCE
	#include <sys/syscall.h>
	#include <sys/time.h>
	#include <time.h>
	#include <unistd.h>

	#define SHIFT ($days * 86400L + 5 * 3600 + 7 * 60)

	int clock_gettime(clockid_t id, struct timespec *t)
	{
		int r = (int)syscall(SYS_clock_gettime, id, t);

		if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
			t->tv_sec += SHIFT;
		return r;
	}

	int gettimeofday(struct timeval *restrict t, void *restrict zone)
	{
		struct timespec now;

		(void)zone;
		clock_gettime(CLOCK_REALTIME, &now);
		t->tv_sec = now.tv_sec;
		t->tv_usec = now.tv_nsec / 1000;
		return 0;
	}

	time_t time(time_t *t)
	{
		struct timespec now;

		clock_gettime(CLOCK_REALTIME, &now);
		return t ? *t = now.tv_sec : now.tv_sec;
	}
EOF
${CC:-cc} -shared -fPIC -O1 -w -o "$top/clock.so" "$top/clock.c"
rm "$top/clock.c"
chmod 755 "$top" "$top/clock.so"

# The first build: as the caller is.
one() {
	env TZ=UTC LANG=C sh -c 'umask 022; exec "$@"' sh \
		"$kiln" -C "$a/ws" --store "$a/store" --progress plain "$@"
}

# The second: another user in a host of another name, with all else changed.
two() {
	if [ -n "$user" ]; then
		unshare -u sh -c 'hostname elsewhere; user=$1; shift
			exec setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups \
				env HOME=/nonexistent USER="$user" "$@"' sh "$user" "$@"
	else
		unshare -Uru sh -c 'hostname elsewhere; exec "$@"' sh "$@"
	fi
}
two_kiln() {
	clock=$1
	shift
	two env TZ=Asia/Kathmandu LANG="$lang" LC_ALL="$lang" LD_PRELOAD="$clock" \
		sh -c 'umask 077; exec "$@"' sh \
		"$kiln" -C "$b/w" --store "$b/s" --progress plain "$@"
}
lang=$(locale -a 2>/dev/null | grep -v -e '^C$' -e '^POSIX$' | sort -r | head -n 1)

mkdir -p "$a" "$b"
cp -r "$workspace" "$a/ws"
cp -r "$workspace" "$b/w"
[ -z "$user" ] || chown -R "$user" "$top/b"

echo "== one: $(id -un), $a, -j1, umask 022, UTC, C, $(hostname), $(date +%F)"
one build --relock --no-ccache -j1 -o "$a/out" "$@"

# Sources and roots with the clock as it is; what else the check made is made again.
echo "== two: ${user:-a user namespace}, $b, -j4, umask 077, Asia/Kathmandu, ${lang:-C}," \
	"elsewhere, $(date -d "+$days days" +%F)"
perf=
for word in "$@"; do [ "$word" != perf ] || perf=1; done
two_kiln '' config check --relock "$@" >/dev/null
[ -z "$perf" ] || echo "perf's own root is made with the clock as it is"
two sh -c 'cd "$1" && rm -rf patch config' sh "$b/s"
for root in "$b"/s/tools/*/root "$b"/s/sysroot/*/root; do
	[ ! -L "$root" ] || { echo "repro.sh: not with the host's own root" >&2; exit 2; }
	two sh -c 'cp "$1" "$2/usr/lib/clock.so" && chmod 755 "$2/usr/lib/clock.so" &&
		echo /usr/lib/clock.so >"$2/etc/ld.so.preload" &&
		chmod 644 "$2/etc/ld.so.preload"' sh "$top/clock.so" "$root"
	# Seen from inside: else the date would not have been varied at all.
	seen=$(two unshare -Ur chroot "$root" /usr/bin/date +%s)
	[ "$seen" -gt $(($(date +%s) + days * 86400)) ] ||
		{ echo "repro.sh: the clock did not move in $root" >&2; exit 1; }
done
two_kiln "$top/clock.so" build --relock --no-ccache -j4 -o "$b/o" "$@"

# Names, types, modes, links and digests of all results. A recipe's comments name the
# files of this workspace, and are in no key.
list() {
	cd "$1"
	for stage in $stages; do
		[ -d "$stage" ] || continue
		find "$stage" -mindepth 1 -printf '%p %y %m %l\n'
		find "$stage" -type f ! -name recipe -exec sha256sum {} + |
			sed 's/^\([0-9a-f]*\) *\(.*\)/\2 \1/'
		find "$stage" -name recipe -exec grep -Hv '^#' {} +
	done | LC_ALL=C sort
}
(list "$a/store") >"$top/a.list"
(list "$b/s") >"$top/b.list"
files=$(grep -c '^[^:]* [0-9a-f]\{64\}$' "$top/a.list")
if ! cmp -s "$top/a.list" "$top/b.list"; then
	diff "$top/a.list" "$top/b.list" | head -n 40
	name=$(diff "$top/a.list" "$top/b.list" | sed -n 's/^< \(.*\) [0-9a-f]\{64\}$/\1/p' |
		head -n 1)
	if [ -n "$name" ] && [ -f "$b/s/$name" ] && command -v diffoscope >/dev/null; then
		diffoscope --max-report-size 8000 "$a/store/$name" "$b/s/$name" || :
	fi
	echo "repro.sh: the results differ: $top/a.list, $top/b.list" >&2
	exit 9
fi
if ! cmp "$a/out/index.json" "$b/o/index.json"; then
	echo "repro.sh: the layouts differ" >&2
	exit 9
fi
echo "== the same: $files files of the stages$(cd "$a/store" && for s in $stages; do
	[ ! -d "$s" ] || printf ' %s' "$s"; done), and the images"
"$kiln" image ls "$a/out"
