#!/bin/sh
# A small Debian archive in $1, signed by a key of its own: $1/debian, $1/ring.gpg and, for
# wrong signatures, $1/other.gpg; confs in $1/conf. Called again with `index` or `release`
# as $2, it makes those files anew from what stands in the pool.
set -eu
top=$1
what=${2:-all}
valid_until=${3:-}
suite=${SUITE:-tiny}
GNUPGHOME=$top/gnupg
export GNUPGHOME
dist=$top/debian/dists/tiny

deb() { # name version arch "field: value\n..." file=content...
	name=$1 version=$2 arch=$3 fields=$4
	shift 4
	root=$top/build
	rm -rf "$root"
	mkdir -p "$root/DEBIAN"
	for f in "$@"; do
		mkdir -p "$root/$(dirname "${f%%=*}")"
		printf '%s\n' "${f#*=}" >"$root/${f%%=*}"
	done
	printf "Package: %s\nVersion: %s\nArchitecture: %s\n%bMaintainer: x <x@x>\nDescription: x\n" \
		"$name" "$version" "$arch" "$fields" >"$root/DEBIAN/control"
	mkdir -p "$top/debian/pool/main"
	dpkg-deb --root-owner-group -Zxz -z1 -b "$root" \
		"$top/debian/pool/main/${name}_${version}_$arch.deb" >/dev/null
}

pool() {
	deb tool 1.0-1 amd64 'Depends: libx (>= 1.0), virtual-a | nobody\n' \
		usr/bin/tool=tool usr/share/doc/tool/readme=doc lib/old=merged
	deb libx 1.0 amd64 'Multi-Arch: same\n' usr/lib/x86_64-linux-gnu/libx=amd64-1.0 \
		usr/include/x.h=same
	deb libx 2.0 amd64 'Multi-Arch: same\n' usr/lib/x86_64-linux-gnu/libx=amd64-2.0 \
		usr/include/x.h=same
	deb libx 2.0 arm64 'Multi-Arch: same\n' usr/lib/aarch64-linux-gnu/libx=arm64-2.0 \
		usr/include/x.h=same
	deb mawk 1.3 amd64 'Provides: virtual-a\nMulti-Arch: foreign\n' usr/bin/mawk=mawk
	deb cross 3:4 arm64 'Depends: libx (>= 2.0), virtual-a, data\n' usr/bin/cross=cross
	deb data 1 all 'Multi-Arch: foreign\nDepends: mawk\n' usr/share/data/x=data \
		usr/bin/shared=data
	deb extra 1 amd64 'Depends: tool, data, unwanted\n' usr/bin/extra=extra \
		usr/bin/shared=extra
	deb unwanted 1 amd64 '' usr/bin/unwanted=unwanted
	deb broken 1 amd64 'Depends: nobody\n' usr/bin/broken=broken
}

index() {
	for arch in amd64 arm64; do
		dir=$dist/main/binary-$arch
		rm -rf "$dir"
		mkdir -p "$dir"
		for f in "$top"/debian/pool/main/*_"$arch".deb "$top"/debian/pool/main/*_all.deb; do
			[ -f "$f" ] || continue
			dpkg-deb -f "$f"
			printf 'Filename: pool/main/%s\nSize: %s\nSHA256: %s\n\n' "$(basename "$f")" \
				"$(stat -c %s "$f")" "$(sha256sum <"$f" | cut -d' ' -f1)"
		done | xz -c1 >"$dir/Packages.xz"
	done
}

release() { # key
	{
		printf 'Origin: Tiny\nSuite: stable\nCodename: %s\n' "$suite"
		printf 'Date: Sat, 11 Jul 2026 10:16:37 UTC\n'
		[ -z "$valid_until" ] || printf 'Valid-Until: %s\n' "$valid_until"
		printf 'Architectures: amd64 arm64\nComponents: main\nSHA256:\n'
		(cd "$dist" && for f in main/*/Packages.xz; do
			printf ' %s %s %s\n' "$(sha256sum <"$f" | cut -d' ' -f1)" \
				"$(stat -c %s "$f")" "$f"
		done)
	} >"$top/Release"
	gpg --batch --yes -q -u "$1" --clearsign -o "$dist/InRelease" "$top/Release"
}

keys() {
	mkdir -p -m 700 "$GNUPGHOME"
	for k in right wrong; do
		gpg --batch -q --passphrase '' --quick-gen-key "$k@kiln" ed25519 sign 2>/dev/null
	done
	gpg --batch -q --export right@kiln >"$top/ring.gpg"
	gpgconf --kill all
}

confs() {
	mkdir -p "$top/conf"
	cat >"$top/conf/t.conf" <<-EOF
		provider = debian
		archive  = debian tiny main
		keyring  = $top/ring.gpg
		machine  = amd64
		foreign  = arm64
		without  = unwanted
		exclude  = usr/share/doc
		link     = usr/bin/alias tool
		[base]
		packages = tool
		[gcc-x86_64]
		packages =
		[gcc-aarch64]
		packages = cross:arm64
		[clang]
		packages = extra
		[perf]
		packages = libx
	EOF
}

case $what in
all)
	mkdir -p "$dist"
	pool
	index
	keys
	release right@kiln
	confs
	;;
index) index && release right@kiln ;;
release) release right@kiln ;;
wrong) release wrong@kiln ;;
deb) shift 2 && deb "$@" ;;
esac
gpgconf --kill all
