#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "kernel/elf.h"
#include "kernel/kmake.h"
#include "orchestrator/base/fs.h"
#include "tests/kernel/hello.h"
#include "tests/kernel/kernel_test.h"
#include "tests/test.h"

/* A box over the example's directory; the kernel is there only as what the devkit is. */
static void run(const struct hello *h, const char *const *argv)
{
	const char *source[] = {
		kept_path("%s/data/hello", kept_path("%s/tests", test_source_dir())),
		NULL};
	const char *headers = kept_path("/usr/src/linux-headers-%s", h->release);
	const struct box_bind binds[] = {
		{kept_path("%s/devkit%s", h->dir, headers), headers, false}, {0}};
	const char *log = kept_path("%s/log", h->dir);
	struct err e = {0};
	const struct kbuild k = {
		.arch = h->arch,
		.toolchain = toolchain_find("gcc", &e),
		.root = h->root,
		.source = source,
		.scratch = h->dir,
		.date = 1700000000,
		.log = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644),
		.jobserver = {-1, -1},
		.jobs = 2,
		.cancel = -1,
	};
	const struct kmake_run run = {
		.argv = argv, .binds = binds, .in = -1, .out = -1, .err = -1};
	struct proc_end end;

	ck_ok(kmake_box(&k, &run, &end, &e), &e);
	close(k.log);
	if (!proc_ok(&end))
		test_sh(NULL, "cat %s >&2", log);
	ck_assert_msg(proc_ok(&end), "%s: %s", argv[0], proc_describe(&end));
}

/* Every version that the module asks for is the one that the devkit's kernel has. */
static void check_versions(const struct hello *h, const char *ko)
{
	_buf_ struct buf out = {0};

	if (test_sh(NULL,
		    "grep -qx CONFIG_MODVERSIONS=y %s/devkit/usr/src/linux-headers-%s/"
		    ".config",
		    h->dir, h->release))
		return;
	ck_assert_msg(
		test_sh(&out,
			"set -e; cd %s; modprobe --dump-modversions %s >asked; test -s "
			"asked; while read -r crc name; do grep -q \"^$crc\t$name\t\" "
			"devkit/usr/src/linux-headers-%s/Module.symvers || { echo "
			"\"$name "
			"$crc\"; exit 1; }; done <asked",
			h->dir, ko, h->release) == 0,
		"not in Module.symvers: %s", buf_str(&out));
}

void hello_build(const struct hello *h)
{
	const char *const make[] = {"make", "-C",
		kept_path("/usr/src/linux-headers-%s", h->release), "M=/linux",
		kept_path("ARCH=%s", h->arch->kernel),
		kept_path("CROSS_COMPILE=%s-", h->arch->triple), "KCFLAGS=-fno-pie",
		"modules", NULL};
	const char *const cc[] = {kept_path("%s-gcc", h->arch->triple), "-static", "-Os",
		"-nostdlib", "-ffreestanding", "-fno-stack-protector", "-o", "init",
		"init.c", NULL};
	const char *ko = kept_path("%s/linux/upper/hello_world.ko", h->dir);
	struct elf_facts facts;
	struct err e = {0};

	ck_ok(fs_mkdirs(AT_FDCWD, kept_path("%s/devkit", h->dir), 0755, &e), &e);
	ck_assert_int_eq(test_sh(NULL, "tar xf %s -C %s/devkit", h->devkit, h->dir), 0);
	run(h, make);
	run(h, cc);
	ck_ok(elf_read(AT_FDCWD, ko, ko, &facts, &e), &e);
	ck_assert_int_eq(facts.machine, h->arch->elf_machine);
	ck_assert_msg(str_starts(facts.vermagic, kept_path("%s ", h->release)), "%s",
		facts.vermagic);
	check_versions(h, ko);
}

void hello_boot(const struct hello *h)
{
	_buf_ struct buf out = {0};

	ck_assert_int_eq(
		test_sh(NULL,
			"cd %s/linux/upper && printf 'init\\nhello_world.ko\\n' | cpio "
			"--quiet -o -H newc | gzip >../../initrd",
			h->dir),
		0);
	test_sh(&out,
		"timeout 300 %s -M %s -cpu %s -m 256 -nographic -no-reboot -kernel %s "
		"-initrd "
		"%s/initrd -append 'console=%s panic=-1' </dev/null 2>&1",
		h->arch->qemu, h->arch->qemu_machine, h->arch->qemu_cpu, h->kernel,
		h->dir, h->arch->console);
	ck_assert_msg(strstr(buf_str(&out), "hello, world from init") &&
			      strstr(buf_str(&out), "goodbye, world") &&
			      strstr(buf_str(&out), "KILN: loaded and unloaded"),
		"%s", buf_str(&out));
	ck_assert_msg(strstr(buf_str(&out), h->release) != NULL, "%s", buf_str(&out));
}
