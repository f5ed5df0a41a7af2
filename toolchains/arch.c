#include <elf.h>
#include <sys/utsname.h>
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"
#include "toolchains/arch.h"

#ifndef EM_RISCV
#define EM_RISCV 243
#endif

static const struct arch x86_64 = {
	.name = "x86_64",
	.alias = "amd64",
	.kernel = "x86_64",
	.srcarch = "x86",
	.triple = "x86_64-linux-gnu",
	.debian = "amd64",
	.goarch = "amd64",
	.variant = "",
	.defconfig = "arch/x86/configs/x86_64_defconfig",
	.defconfig_target = "defconfig",
	.images = {"arch/x86/boot/bzImage"},
	.elf_machine = EM_X86_64,
	.intel_ucode = 1,
	.qemu = "qemu-system-x86_64",
	.qemu_machine = "q35",
	.qemu_cpu = "max",
	.console = "ttyS0",
};

static const struct arch aarch64 = {
	.name = "aarch64",
	.alias = "arm64",
	.kernel = "arm64",
	.srcarch = "arm64",
	.triple = "aarch64-linux-gnu",
	.debian = "arm64",
	.goarch = "arm64",
	.variant = "",
	.defconfig = "arch/arm64/configs/defconfig",
	.defconfig_target = "defconfig",
	.images = {"arch/arm64/boot/Image.gz", "arch/arm64/boot/vmlinuz.efi"},
	.elf_machine = EM_AARCH64,
	.dtbs = 1,
	.qemu = "qemu-system-aarch64",
	.qemu_machine = "virt",
	.qemu_cpu = "cortex-a57",
	.console = "ttyAMA0",
};

static const struct arch riscv64 = {
	.name = "riscv64",
	.alias = "riscv64",
	.kernel = "riscv",
	.srcarch = "riscv",
	.triple = "riscv64-linux-gnu",
	.debian = "riscv64",
	.goarch = "riscv64",
	.variant = "",
	.defconfig = "arch/riscv/configs/defconfig",
	.defconfig_target = "defconfig",
	.images = {"arch/riscv/boot/Image.gz", "arch/riscv/boot/vmlinuz.efi"},
	.elf_machine = EM_RISCV,
	.qemu = "qemu-system-riscv64",
	.qemu_machine = "virt",
	.qemu_cpu = "rv64",
	.console = "ttyS0",
};

static const struct arch *const archs[] = {&x86_64, &aarch64, &riscv64, NULL};

const struct arch *const *arch_all(void)
{
	return archs;
}

const struct arch *arch_find(const char *name, struct err *e)
{
	_buf_ struct buf known = {0};

	for (const struct arch *const *a = archs; *a; a++) {
		if (str_eq((*a)->name, name) || str_eq((*a)->alias, name))
			return *a;
		buf_addf(&known, "%s%s", known.len ? ", " : "", (*a)->name);
	}
	err_set(e, ERR_USAGE, "unknown architecture '%s'; known are %s", name,
		buf_str(&known));
	return NULL;
}

const struct arch *arch_host(void)
{
	struct utsname u;
	struct err ignored = {0};
	const struct arch *a = uname(&u) == 0 ? arch_find(u.machine, &ignored) : NULL;

	return a ? a : &x86_64;
}
