/* box_drop.c: what the programs in a box may not ask of the kernel.
 *
 * box_filter_make runs before the fork; the others between fork and exec: system calls
 * and _exit only. */
#include <asm/termbits.h>
#include <asm/ioctls.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "sysroot/box_priv.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE AUDIT_ARCH_RISCV64
#else
#error "sysroot/box_drop.c: add this machine's AUDIT_ARCH"
#endif

/* System calls that no build has a use for and that reach beyond the box, or would if one
 * of the other walls had a hole: mounts, namespaces, the keyrings of the caller's
 * session, the kernel itself. They answer EPERM. */
static const uint32_t refused[] = {
	__NR_mount,
	__NR_umount2,
	__NR_pivot_root,
	__NR_chroot,
	__NR_open_tree,
	__NR_move_mount,
	__NR_fsopen,
	__NR_fsconfig,
	__NR_fsmount,
	__NR_fspick,
	__NR_mount_setattr,
	__NR_setns,
	__NR_unshare,
	__NR_add_key,
	__NR_request_key,
	__NR_keyctl,
	__NR_bpf,
	__NR_perf_event_open,
	__NR_userfaultfd,
	__NR_init_module,
	__NR_finit_module,
	__NR_delete_module,
	__NR_kexec_load,
	__NR_reboot,
	__NR_swapon,
	__NR_swapoff,
	__NR_acct,
	__NR_quotactl,
	__NR_settimeofday,
	__NR_clock_settime,
	__NR_syslog,
	__NR_open_by_handle_at,
	__NR_process_vm_readv,
	__NR_process_vm_writev,
	__NR_io_uring_setup,
#ifdef __NR_kexec_file_load
	__NR_kexec_file_load,
#endif
#ifdef __NR_ioperm
	__NR_ioperm,
	__NR_iopl,
#endif
};

/* ioctls that put input into a terminal, as if its user had typed it. */
static const uint32_t refused_ioctls[] = {TIOCSTI, TIOCLINUX};

#define SPACES                                                                           \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |      \
		CLONE_NEWUTS | CLONE_NEWCGROUP)

struct program {
	struct sock_filter *at;
	unsigned short len;
};

static void emit(struct program *p, unsigned short code, uint32_t k, unsigned char jt,
	unsigned char jf)
{
	p->at[p->len++] = (struct sock_filter){.code = code, .jt = jt, .jf = jf, .k = k};
}

static void load(struct program *p, size_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void answer(struct program *p, uint32_t what)
{
	emit(p, BPF_RET | BPF_K, what, 0, 0);
}

/* If the loaded word is k, the answer is `what`. */
static void answer_if(struct program *p, uint32_t k, uint32_t what)
{
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, k, 0, 1);
	answer(p, what);
}

/* The low word of an argument: what the kernel looks at for flags and ioctl numbers. */
static size_t argument(int n)
{
	return offsetof(struct seccomp_data, args) + (size_t)n * sizeof(uint64_t);
}

void box_filter_make(struct box_plan *plan)
{
	const uint32_t no = SECCOMP_RET_ERRNO | EPERM,
		       unknown = SECCOMP_RET_ERRNO | ENOSYS;
	struct program p = {
		.at = arena_alloc(&plan->arena,
			sizeof(*p.at) * (2 * ARRAY_LEN(refused) +
						2 * ARRAY_LEN(refused_ioctls) + 32))};

	/* Another instruction set has other numbers: it gets no system calls at all. */
	load(&p, offsetof(struct seccomp_data, arch));
	emit(&p, BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0);
	answer(&p, unknown);
	load(&p, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	emit(&p, BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1); /* x32 */
	answer(&p, unknown);
#endif
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		answer_if(&p, refused[i], no);
	/* Its flags are behind a pointer, out of a filter's sight; libc then uses clone.
	 */
	answer_if(&p, __NR_clone3, unknown);
	emit(&p, BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 4);
	load(&p, argument(0));
	emit(&p, BPF_JMP | BPF_JSET | BPF_K, SPACES, 0, 1);
	answer(&p, no);
	answer(&p, SECCOMP_RET_ALLOW);
	emit(&p, BPF_JMP | BPF_JEQ | BPF_K, __NR_ioctl, 1, 0);
	answer(&p, SECCOMP_RET_ALLOW);
	load(&p, argument(1));
	for (size_t i = 0; i < ARRAY_LEN(refused_ioctls); i++)
		answer_if(&p, refused_ioctls[i], no);
	answer(&p, SECCOMP_RET_ALLOW);
	plan->filter = (struct sock_fprog){.len = p.len, .filter = p.at};
}

void box_filter_install(const struct box_plan *plan)
{
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &plan->filter, 0, 0))
		box_fail(plan, STEP_SECCOMP, 0);
}

/* uid 0 inside is a name only: no capability now, none by exec, none from a file. The
 * bounding set and the secure bits can be out of reach for root of a lean container;
 * no_new_privs alone is enough then. */
void box_drop_privileges(const struct box_plan *plan)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		box_fail(plan, STEP_PRIVILEGES, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned long cap = 0; cap < 64; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			break;
	prctl(PR_SET_SECUREBITS,
		SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
			SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED,
		0, 0, 0);
	if (syscall(SYS_capset, &header, none))
		box_fail(plan, STEP_PRIVILEGES, 0);
}
