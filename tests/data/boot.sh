#!/bin/sh
# Boots the kernel of an unpacked image in QEMU with an init that prints its release and
# loads every module of kernel.tar with the host's modprobe. Usage: boot.sh ROOTFS GOARCH
# The init's words go to stdout: "release ...", "loaded N of M", "boot ok".
set -eu
root=$1 arch=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/i/bin" "$work/i/sbin" "$work/i/lib" "$work/i/proc" "$work/i/sys" "$work/i/dev"
tar -C "$work/i" -xf "$root/kernel.tar" --exclude='./boot*'
busybox=${BUSYBOX:-$(command -v busybox)}
cp "$busybox" "$work/i/bin/busybox"
list=$(cd "$work/i" && find lib/modules -name '*.ko*' | sed 's|.*/||; s|\.ko.*||' | sort)
modprobe="/bin/busybox modprobe"
if [ "$arch" = "$(dpkg --print-architecture 2>/dev/null)" ] && [ -x /sbin/modprobe ]; then
	# Debian's own modprobe, with the libraries that it asks for.
	cp "$(readlink -f /sbin/modprobe)" "$work/i/sbin/modprobe"
	for lib in $(ldd /sbin/modprobe | grep -o '/[^ ]*'); do
		mkdir -p "$work/i/$(dirname "$lib")"
		cp -L "$lib" "$work/i/$lib"
	done
	modprobe=/sbin/modprobe
fi
cat >"$work/i/init" <<EOF
#!/bin/busybox sh
/bin/busybox mkdir -p /bin /proc /sys /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev 2>/dev/null
exec >/dev/console 2>&1
echo "release \$(/bin/busybox uname -r)"
n=0 ok=0
for m in $(echo $list); do
	n=\$((n + 1))
	if $modprobe \$m; then ok=\$((ok + 1)); else echo "failed \$m"; fi
done
echo "loaded \$ok of \$n"
echo "boot ok"
/bin/busybox reboot -f
EOF
sed -i 's|^#!/bin/busybox|#!/bin/busybox|' "$work/i/init"
chmod +x "$work/i/init"
(cd "$work/i" && find . | cpio --quiet -o -H newc -R 0:0) >"$work/initrd"

# The archive, what is unpacked of it, and room for the kernel to work in.
memory=$((512 + 3 * $(stat -c %s "$work/initrd") / 1048576))
kernel=$root/kernel
if [ "$arch" = riscv64 ]; then # a gzipped Image, as LinuxKit's; this QEMU takes it plain only
	gzip -dc "$kernel" >"$work/Image"
	kernel=$work/Image
fi
case $arch in
amd64) set -- qemu-system-x86_64 -M q35 -cpu max -append "console=ttyS0 panic=-1 quiet no_timer_check" ;;
arm64) set -- qemu-system-aarch64 -M virt -cpu cortex-a57 -append "console=ttyAMA0 panic=-1 quiet" ;;
riscv64) set -- qemu-system-riscv64 -M virt -append "console=ttyS0 panic=-1 quiet" ;;
*) echo "unknown architecture $arch" >&2; exit 2 ;;
esac
timeout "${BOOT_TIMEOUT:-300}" "$@" -m "$memory" -accel tcg -nographic -no-reboot -net none \
	-kernel "$kernel" -initrd "$work/initrd" </dev/null | tr -d '\r'
