#!/bin/sh
# Unpacks Debian packages beside the system, for tests: debian-fetch.sh SUITE DIR PACKAGE...
# SUITE: a Debian release, taken from the mirror that the host's own apt uses; needs no
# root. DIR appears whole, or not at all; if it is there, nothing happens. PACKAGE may end
# in an asterisk: the newest of that name that the release's index has.
set -eu

suite=$1 dir=$2
shift 2
[ ! -d "$dir" ] || exit 0
command -v apt-get >/dev/null || { echo "no apt here" >&2; exit 1; }
uri=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
	'Created-By: Packages' | awk '$3 == "main" && $2 !~ /-/ {print $1; exit}')
[ -n "$uri" ] || { echo "apt has no Debian mirror here" >&2; exit 1; }

mkdir -p "${dir%/*}"
work=$dir.$$
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root"
cat >"$work/sources.list" <<END
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main
END
with() {
	tool=$1
	shift
	"$tool" -q -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" \
		-o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}
with apt-get update >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
names=
for package; do
	case $package in
	*\*)
		package=$(with apt-cache search --names-only "^${package%\*}" |
			awk '{print $1}' | grep -v -e dbg -e unsigned | sort -V | tail -n 1)
		;;
	esac
	names="$names $package/$suite"
done
(cd "$work" && with apt-get download $names >log 2>&1) || { cat "$work/log" >&2; exit 1; }
for deb in "$work"/*.deb; do
	dpkg-deb -x "$deb" "$work/root"
done
mv -T "$work/root" "$dir"
