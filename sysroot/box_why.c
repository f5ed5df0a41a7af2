/* box_why.c: what a failure inside means for the person outside: which knob to turn. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "sysroot/box_priv.h"

/* Sentences: %s stands for the path of the mount or the program concerned. */
static const struct {
	const char *text;
	int code;
} steps[STEP_COUNT] = {
	[STEP_FDS] = {"can't arrange the file descriptors of the box", ERR_BOX},
	[STEP_UNSHARE] = {"can't make namespaces", ERR_BOX},
	[STEP_UID_MAP] = {"can't map the user id", ERR_BOX},
	[STEP_GID_MAP] = {"can't map the group id", ERR_BOX},
	[STEP_FORK] = {"can't start a process in the box", ERR_BOX},
	[STEP_PRIVATE] = {"can't make the mounts private", ERR_BOX},
	[STEP_HOSTNAME] = {"can't set the host name", ERR_BOX},
	[STEP_OPEN] = {"can't open a layer of %s", ERR_IO},
	[STEP_OVERLAY] = {"can't mount an overlay at %s", ERR_BOX},
	[STEP_BIND] = {"can't bind %s", ERR_BOX},
	[STEP_PROC] =
		{"can't mount a fresh /proc; a container that hides parts of its own "
		 "/proc forbids it, start it with systempaths=unconfined (podman: "
		 "unmask=ALL)",
			ERR_BOX},
	[STEP_FS] = {"can't mount %s", ERR_BOX},
	[STEP_POINT] = {"can't make %s in the sysroot", ERR_IO},
	[STEP_MOVE] = {"can't put the mount at %s", ERR_BOX},
	[STEP_SEAL] = {"can't make %s read-only", ERR_BOX},
	[STEP_PIVOT] = {"can't make the sysroot the root directory", ERR_BOX},
	[STEP_PRIVILEGES] = {"can't drop privileges", ERR_BOX},
	[STEP_SECCOMP] = {"can't install a seccomp filter; the kernel needs "
			  "CONFIG_SECCOMP_FILTER",
		ERR_BOX},
	[STEP_SESSION] = {"can't make a session", ERR_BOX},
	[STEP_CWD] = {"can't enter the directory %s inside", ERR_BUILD},
	[STEP_EXEC] = {"can't run %s in the sysroot", ERR_BUILD},
};

/* The switches by which hosts forbid user namespaces. */
static const struct {
	const char *file, *forbids, *advice;
} knobs[] = {
	{"/proc/sys/kernel/unprivileged_userns_clone", "0",
		"kernel.unprivileged_userns_clone is 0: the administrator can set it to "
		"1"},
	{"/proc/sys/user/max_user_namespaces", "0",
		"user.max_user_namespaces is 0: the administrator can raise it, "
		"say to 10000"},
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
		"kernel.apparmor_restrict_unprivileged_userns is 1: the administrator "
		"can "
		"set it to 0 or give kiln an AppArmor profile with 'userns'"},
};

static const char *forbidden_by(void)
{
	for (size_t i = 0; i < ARRAY_LEN(knobs); i++) {
		_buf_ struct buf value = {0};
		struct err none = {0};

		if (fs_read(AT_FDCWD, knobs[i].file, 64, &value, &none) == 0 &&
			strcmp(str_trim(value.data), knobs[i].forbids) == 0)
			return knobs[i].advice;
	}
	return NULL;
}

/* Without a knob at fault: what else makes unshare fail this way. */
static const char *other_reason(int number)
{
	switch (number) {
	case EINVAL:
		return "the kernel needs CONFIG_USER_NS, CONFIG_PID_NS and CONFIG_NET_NS";
	case ENOSPC:
	case EUSERS:
		return "too many namespaces are in use or nested; see the limits in "
		       "/proc/sys/user";
	case EPERM:
	case EACCES:
		return "a container's seccomp or LSM rules forbid it, or the root of "
		       "this "
		       "process is a chroot; start the container with user namespaces "
		       "allowed (seccomp=unconfined)";
	default:
		return NULL;
	}
}

/* AppArmor lets unshare succeed and refuses what comes after it. */
static bool is_forbidden(const struct box_report *r)
{
	if (r->step == STEP_UNSHARE)
		return true;
	return r->step <= STEP_HOSTNAME && (r->number == EPERM || r->number == EACCES);
}

static const char *subject(const struct box_plan *plan, const struct box_report *r)
{
	const struct box *b = plan->box;

	if (r->step == STEP_EXEC && b)
		return b->argv[0];
	if (r->step == STEP_CWD && b)
		return b->cwd ? b->cwd : "/";
	return r->index < plan->count ? plan->mounts[r->index].at : "/";
}

static int say(
	struct err *e, int code, const char *text, const char *subject, const char *why)
{
	const char *hole = strstr(text, "%s");
	int before = hole ? (int)(hole - text) : (int)strlen(text);

	return err_set(e, code, "box: %.*s%s%s: %s", before, text, hole ? subject : "",
		hole ? hole + 2 : "", why);
}

int box_explain(const struct box_plan *plan, const struct box_report *r, struct err *e)
{
	const char *knob = is_forbidden(r) ? forbidden_by() : NULL, *reason;

	if (r->step >= STEP_COUNT)
		return err_set(
			e, ERR_INTERNAL, "box: an unknown report came from inside");
	say(e, steps[r->step].code, steps[r->step].text, subject(plan, r),
		knob ? knob : strerror(r->number));
	reason = is_forbidden(r) && !knob ? other_reason(r->number) : NULL;
	return reason ? err_hint(e, "%s", reason) : -1;
}

bool box_no_overlay(const struct box_report *r)
{
	static const int absent[] = {ENODEV, EPERM, EACCES, EINVAL, EOPNOTSUPP, ENOSYS};

	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		if (r->step == STEP_OVERLAY && r->number == absent[i])
			return true;
	return false;
}
