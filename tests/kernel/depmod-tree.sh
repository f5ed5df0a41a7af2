#!/bin/sh
# A small module tree for depmod's tests: depmod-tree.sh DIR makes DIR/lib/modules/6.1.0-t.
# The modules are assembled: what depmod reads in them is a few sections and symbols.
set -eu

# mod FILE WORD...: i:key=value (modinfo), e:name[:crc] (export), n:name (need),
# w:name (weak need), v:name:crc (symbol version). AS: another assembler.
mod() {
	file=$1
	shift
	mkdir -p "${file%/*}"
	for word; do
		arg=${word#?:}
		case $word in
		i:*) printf '.section .modinfo,"a"\n.asciz "%s"\n' "$arg" ;;
		e:*:*)
			printf '.section __ksymtab_strings,"a"\n.asciz "%s"\n' "${arg%:*}"
			printf '.globl __crc_%s\n.set __crc_%s, %s\n' "${arg%:*}" "${arg%:*}" \
				"${arg##*:}"
			;;
		e:*) printf '.section __ksymtab_strings,"a"\n.asciz "%s"\n' "$arg" ;;
		n:*) printf '.data\n.long %s\n' "$arg" ;;
		w:*) printf '.data\n.weak %s\n.long %s\n' "$arg" "$arg" ;;
		v:*)
			printf '.section __versions,"a"\n.balign 64\n.quad %s\n.asciz "%s"\n' \
				"${arg##*:}" "${arg%:*}"
			printf '.balign 64\n'
			;;
		esac
	done | ${AS:-as} -o "$file" -
}
[ "${1:-}" != mod ] || { shift; mod "$@"; exit; }

top=$1/lib/modules/6.1.0-t
k=$top/kernel
mod $k/base.ko i:license=GPL e:base_one:0x11 e:base_two:0x22 n:printk
mod $k/mid.ko i:license=GPL e:mid_one:0x33 n:base_one n:printk v:base_one:0x11 v:printk:0x99
mod $k/net/top-most.ko i:license=GPL n:mid_one n:base_two n:lone_one w:maybe \
	i:alias=pci:v00008086d*sv*sd*bc*sc*i* i:alias=net-pf-10 i:softdep='pre: lone post: mid'
mod $k/net/lone.ko e:lone_one i:alias=char-major-10-200 i:alias=devname:net/tun \
	i:weakdep=base i:alias='x[0-9-a]-y'
mod $k/fs/blk.ko i:alias=block-major-7-3 i:alias=devname:loop-control i:alias=fs-blk
mod $k/fs/dev-nothing.ko i:alias=devname:nothing
mod $k/fs/user.ko n:fs_unknown n:base_one v:base_one:0x12 v:fs_unknown:0x1 \
	v:module_layout:0x5
mod $k/fs/quiet.ko n:printk
mod $k/lib/twin_a.ko e:shared_symbol:0x1 i:alias=twin i:alias=twin
mod $k/lib/twin-b.ko e:shared_symbol:0x2 i:alias=twin
mod $k/lib/sharing.ko n:shared_symbol n:mid_one
mod $k/lib/unsorted.ko n:base_one
mod $k/lib/nested.ko i:alias=a i:alias=ab i:alias=abc i:alias=abcd i:alias=b i:alias=abd
cat >"$top/modules.order" <<END
kernel/net/top-most.ko
kernel/net/lone.ko
kernel/gone.ko
kernel/base.ko
kernel/fs/blk.ko
kernel/fs/dev-nothing.ko
kernel/mid.ko
kernel/fs/user.ko
kernel/base.ko
kernel/lib/twin_a.ko
kernel/lib/twin-b.ko
kernel/lib/sharing.ko
END
printf 'kernel/%s.ko\n' drivers/core block/blk-core lib/crc-t10dif >"$top/modules.builtin"
printf '%s\0' core.license=GPL core.alias=acpi:CORE-1 core.alias=noend blk-core.alias=b[1-2] \
	blk-core.alias=half[1 nodot core.noequals core.alias= .alias=x core.alias=last \
	core.alias=shared blk-core.alias=shared \
	>"$top/modules.builtin.modinfo"
cat >"$1/System.map" <<'END'
ffffffff81000000 T _text
ffffffff82000000 R __ksymtab_printk
ffffffff82000010 r __ksymtab_maybe_not
broken
END
printf '0x00000099\tprintk\tvmlinux\tEXPORT_SYMBOL\n0x1\tbase_one\tkernel/base\tEXPORT_SYMBOL\n' \
	>"$1/Module.symvers"
printf '0x0zz\tbad\tvmlinux\tEXPORT_SYMBOL\n0x3\tshort\n' >>"$1/Module.symvers"
