#!/bin/sh
# What kiln needs on a Debian host, by purpose: build (to compile kiln), run (programs that
# kiln starts on the host), tests (oracles). Usage: deps.sh [--check] PURPOSE...
# Installs what is missing through apt; on a host without apt it says what to install.
set -eu

build="gcc make pkg-config libc6-dev libarchive-dev libcurl4-openssl-dev libssl-dev
	libkmod-dev libelf-dev libzstd-dev libisal-dev liblzma-dev
	libjansson-dev libsolv-dev libsolvext-dev libgit2-dev"
run="gpgv ca-certificates git xz-utils"
tests="check openssl binutils gzip git gpg gpgv gpg-agent kmod skopeo umoci podman buildah oci-image-tool docker-registry
	qemu-system-x86 qemu-utils busybox-static cpio strace util-linux xz-utils zstd
	patch gcc-aarch64-linux-gnu gcc-riscv64-linux-gnu zip
	clang dpkg-dev ccache qemu-system-arm qemu-system-misc"
# Debian has it for x86 alone.
case $(dpkg --print-architecture 2>/dev/null) in
amd64 | i386) tests="$tests iucode-tool" ;;
esac

check=
[ "${1:-}" = --check ] && check=1 && shift

want=
for purpose in "$@"; do
	case $purpose in
	build) want="$want $build" ;;
	run) want="$want $run" ;;
	tests) want="$want $run $tests" ;;
	*) echo "deps.sh: unknown purpose '$purpose'" >&2; exit 2 ;;
	esac
done

if [ -n "$check" ]; then
	command -v pkg-config >/dev/null 2>&1 &&
		pkg-config --exists libarchive libcurl libcrypto libkmod libelf libzstd \
			libisal liblzma jansson libsolv libsolvext libgit2 && exit 0
	echo "kiln's build dependencies are missing: run 'make deps', or install" $build >&2
	exit 2
fi

missing=
if command -v dpkg-query >/dev/null 2>&1; then
	for p in $want; do
		case $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) in
		installed) ;;
		*) missing="$missing $p" ;;
		esac
	done
	[ -n "$missing" ] || exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "this host has no apt: install what corresponds to these Debian packages:" $want >&2
	exit 0
fi
sudo=
if [ "$(id -u)" != 0 ]; then
	if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
		sudo="sudo -n"
	else
		echo "not root, and these packages are missing; install them:$missing" >&2
		exit 0
	fi
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
	$sudo apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 $missing \
		>"$log" 2>&1
}
# The lists of a fresh or an old host know other versions than the mirror has.
install || { $sudo apt-get update >/dev/null && install; } || {
	tail -n 20 "$log" >&2
	exit 5
}
