/* box_probe_kernel.c: tries to get from the kernel what a build has no use for. */
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include "tests/helpers/box_probe.h"

static int mount_something(void)
{
	if (mount("none", "/tmp", "tmpfs", 0, NULL) == 0)
		return escaped("mounted a tmpfs");
	if (mount("/", "/tmp", NULL, MS_BIND, NULL) == 0)
		return escaped("bound a directory");
	return must_fail(mount("none", "/proc", "proc", 0, NULL), "mounted proc");
}

static int remount(void)
{
	if (mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL) == 0)
		return escaped("made /proc/sys writable");
	if (umount2("/proc/sys", MNT_DETACH) == 0)
		return escaped("uncovered /proc/sys");
	return must_fail(umount2("/", MNT_DETACH), "let go of /");
}

static int new_mount_api(void)
{
	if (syscall(SYS_fsopen, "tmpfs", 0) >= 0)
		return escaped("fsopen");
	if (syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, NULL, 0) == 0 || errno != EPERM)
		return escaped("mount_setattr is not refused");
	if (syscall(SYS_move_mount, -1, "", -1, "", 0) == 0 || errno != EPERM)
		return escaped("move_mount is not refused");
	return must_fail(syscall(SYS_open_tree, AT_FDCWD, "/", 1), "open_tree");
}

static int pivot(void)
{
	return must_fail(syscall(SYS_pivot_root, "/tmp", "/tmp"), "pivot_root");
}

static int new_namespaces(void)
{
	static const int flags[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID,
		CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (unshare(flags[i]) == 0)
			return escaped("made a namespace");
	return 0;
}

static int clone_namespace(void)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid > 0 ? escaped("clone made a user namespace") : 0;
}

static int clone3_namespace(void)
{
	struct {
		unsigned long long flags, pidfd, child_tid, parent_tid, exit_signal,
			rest[6];
	} args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		_exit(0);
	return pid > 0 ? escaped("clone3 made a user namespace") : 0;
}

static int join_namespace(void)
{
	int fd = open("/proc/self/ns/user", O_RDONLY);

	return must_fail(setns(fd, 0), "setns") ||
	       (errno == EPERM ? 0 : escaped("setns is not refused"));
}

static int make_device(void)
{
	if (mknod("/tmp/disk", S_IFBLK | 0600, makedev(8, 0)) == 0 ||
		mknod("/disk", S_IFBLK | 0600, makedev(8, 0)) == 0)
		return escaped("made a disk device");
	return must_fail(mknod("/mem", S_IFCHR | 0600, makedev(1, 1)), "made /dev/mem");
}

static int type_for_the_user(void)
{
	if (!isatty(0))
		return escaped("no terminal was given");
	ioctl(0, TIOCSCTTY, 1);
	if (ioctl(0, TIOCSTI, "x") == 0)
		return escaped("typed into the terminal");
	return errno == EPERM ? 0 : escaped("TIOCSTI is not refused");
}

static int type_for_the_user_high(void)
{
	/* The kernel looks at 32 bits of the number only. */
	if (syscall(SYS_ioctl, 0, 0x100000000UL | TIOCSTI, "x") == 0)
		return escaped("typed into the terminal");
	return errno == EPERM ? 0 : escaped("TIOCSTI is not refused");
}

static int paste_for_the_user(void)
{
	char paste = 3;

	ioctl(0, TIOCLINUX, &paste);
	return errno == EPERM ? 0 : escaped("TIOCLINUX is not refused");
}

static int write_sysctl(void)
{
	static const char *const files[] = {"/proc/sys/kernel/core_pattern",
		"/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches",
		"/proc/sys/kernel/modprobe", "/proc/sys/user/max_user_namespaces"};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (open(files[i], O_WRONLY) >= 0)
			return escaped(files[i]);
	return 0;
}

static int write_sysrq(void)
{
	return must_fail(open("/proc/sysrq-trigger", O_WRONLY), "opened sysrq-trigger");
}

static int read_kernel(void)
{
	static const char *const files[] = {
		"/proc/kcore", "/proc/kmsg", "/proc/keys", "/proc/cmdline"};
	char byte;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd = open(files[i], O_RDONLY | O_NONBLOCK);

		if (fd >= 0 && read(fd, &byte, 1) > 0)
			return escaped(files[i]);
	}
	return 0;
}

static int read_dmesg(void)
{
	char text[64];

	return must_fail(klogctl(3, text, sizeof(text)), "read the kernel's log");
}

static int rename_host(void)
{
	return must_fail(sethostname("x", 1), "set the host name");
}

static int set_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return must_fail(clock_settime(CLOCK_REALTIME, &now), "set the clock");
}

static int become_another(void)
{
	return setuid(1000) == 0 || setgid(1000) == 0 || setgroups(0, NULL) == 0
		       ? escaped("changed its user or groups")
		       : 0;
}

static int gain_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	syscall(SYS_capget, &header, data);
	if (data[0].effective || data[0].permitted || data[1].effective ||
		data[1].permitted || data[0].inheritable)
		return escaped("holds capabilities");
	data[0].effective = data[0].permitted = 1u << CAP_SYS_ADMIN;
	if (syscall(SYS_capset, &header, data) == 0)
		return escaped("took CAP_SYS_ADMIN");
	if (prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 0)
		return escaped("CAP_SYS_ADMIN is in the bounding set");
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
		       ? 0
		       : escaped("privileges can grow");
}

/* By root's own exec, the other way to have them. */
static int exec_capabilities(void)
{
	execl("/bin/box_probe_kernel", "box_probe_kernel", "gain_capabilities", NULL);
	return escaped("exec failed");
}

static int read_keys(void)
{
	return must_fail(
		syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0),
		"has the caller's session keyring");
}

static int kernel_calls(void)
{
	static const long calls[] = {SYS_bpf, SYS_perf_event_open, SYS_userfaultfd,
		SYS_io_uring_setup, SYS_init_module, SYS_finit_module, SYS_delete_module,
		SYS_kexec_load, SYS_swapon, SYS_swapoff, SYS_acct, SYS_open_by_handle_at};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		errno = 0;
		if (syscall(calls[i], -1, NULL, 0, 0, 0, 0) != -1 || errno != EPERM)
			return escaped("a call to the kernel is not refused");
	}
	return 0;
}

/* i386 numbers on x86_64: 20 is getpid there. */
static int other_numbers(void)
{
#ifdef __x86_64__
	long ret = 20;

	__asm__ volatile("int $0x80" : "+a"(ret) : : "memory", "r8", "r9", "r10", "r11");
	if (ret > 0)
		return escaped("32-bit system calls are open");
	if (syscall(0x40000000 | SYS_getpid) > 0)
		return escaped("x32 system calls are open");
#endif
	return 0;
}

static int raise_priority(void)
{
	struct rlimit core;
	int now = getpriority(PRIO_PROCESS, 0);

	/* kiln may have been started with a priority of its own; -20 is the highest. */
	if (now > -20 && setpriority(PRIO_PROCESS, 0, now - 1) == 0)
		return escaped("raised its priority");
	getrlimit(RLIMIT_CORE, &core);
	return core.rlim_max == 0 ? 0 : escaped("may dump core");
}

static const struct probe probes[] = {
	PROBE(mount_something),
	PROBE(remount),
	PROBE(new_mount_api),
	PROBE(pivot),
	PROBE(new_namespaces),
	PROBE(clone_namespace),
	PROBE(clone3_namespace),
	PROBE(join_namespace),
	PROBE(make_device),
	PROBE(type_for_the_user),
	PROBE(type_for_the_user_high),
	PROBE(paste_for_the_user),
	PROBE(write_sysctl),
	PROBE(write_sysrq),
	PROBE(read_kernel),
	PROBE(read_dmesg),
	PROBE(rename_host),
	PROBE(set_clock),
	PROBE(become_another),
	PROBE(gain_capabilities),
	PROBE(exec_capabilities),
	PROBE(read_keys),
	PROBE(kernel_calls),
	PROBE(other_numbers),
	PROBE(raise_priority),
	{0},
};

int main(int argc, char **argv)
{
	return probe_main(probes, argc, argv);
}
