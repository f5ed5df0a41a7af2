/* gpgv.c: runs gpgv and reads its status lines. Its exit status is 0 for expired keys,
 * for SHA-1 and for text around a signed block, and 2 for a good signature beside an
 * unknown one: it decides nothing here. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/gpgv_int.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/proc.h"

enum { STATUS_LIMIT = 1 << 20, TEXT_LIMIT = 64 << 20 };

struct gpgv {
	char *name;
	struct gpgv_role role;
	struct pgp_ring ring;
	pid_t pid;
	int status, output, errors, keyring;
};
#define _gpgv_ __attribute__((cleanup(gpgv_free_ptr)))

static void close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void gpgv_free(struct gpgv *g)
{
	if (!g)
		return;
	close_one(g->status);
	close_one(g->output);
	close_one(g->errors);
	close_one(g->keyring);
	pgp_ring_free(&g->ring);
	free(g->name);
	free(g);
}

static void gpgv_free_ptr(struct gpgv **g)
{
	gpgv_free(*g);
}

/* A memory file without a name: nothing of gpgv's is left behind, and no pipe can fill.
 */
static int memory_file(const char *name, struct err *e)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	return fd < 0 ? err_sys(e, "can't make a memory file for gpgv") : fd;
}

static struct gpgv *gpgv_new(
	const char *path, const struct gpgv_role *role, struct err *e)
{
	_gpgv_ struct gpgv *g = xcalloc(1, sizeof(*g));
	g->pid = g->status = g->output = g->errors = g->keyring = -1;
	const char *slash = strrchr(path, '/');
	g->name = xstrdup(slash ? slash + 1 : path);
	g->role = *role;
	if (pgp_ring_read(role->keyring, &g->ring, e)) {
		err_wrap(e, "the keys of the %s", role->name);
		return NULL;
	}
	if ((g->status = memory_file("status", e)) < 0 ||
		(g->output = memory_file("output", e)) < 0 ||
		(g->errors = memory_file("errors", e)) < 0 ||
		(g->keyring = memory_file("keyring", e)) < 0 ||
		fs_write_all(g->keyring, g->ring.binary.data, g->ring.binary.len, e))
		return NULL;
	return steal(g);
}

/* gpgv's arguments: files are fds, so that what was looked at is what is verified. */
static int launch(struct gpgv *g, const char *first, const char *second, int in,
	int extra, struct err *e)
{
	_str_vec_ struct str_vec argv = {0};
	str_vec_add(&argv, "gpgv");
	str_vec_addf(&argv, "--status-fd=%d", g->status);
	str_vec_addf(&argv, "--keyring=/proc/self/fd/%d", g->keyring);
	if (!second)
		str_vec_add(&argv, "--output=-");
	str_vec_add(&argv, "--");
	str_vec_add(&argv, first);
	if (second)
		str_vec_add(&argv, second);
	static const char *const environment[] = {"LC_ALL=C", "PATH=/usr/bin:/bin", NULL};
	int pass[] = {g->status, g->keyring, extra, -1};
	struct proc_spec spec = {
		.argv = (const char *const *)argv.items,
		.envp = environment,
		.in = in,
		.out = g->output,
		.err = g->errors,
		.pass = pass,
	};
	g->pid = proc_start(&spec, e);
	return g->pid < 0 ? -1 : 0;
}

static int rewind_and_read(int fd, size_t limit, struct buf *b, struct err *e)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "can't read what gpgv wrote");
	return fs_read_fd(fd, "what gpgv wrote", limit, b, e);
}

static int finish(struct gpgv *g, bool clearsigned, struct buf *out,
	struct gpgv_result *result, struct err *e)
{
	_buf_ struct buf status = {0}, errors = {0};
	struct proc_end end;
	if (proc_wait(g->pid, &end, e))
		return -1;
	g->pid = -1;
	if (rewind_and_read(g->status, STATUS_LIMIT, &status, e) ||
		rewind_and_read(g->errors, STATUS_LIMIT, &errors, e))
		return -1;
	struct gpgv_question question = {
		.name = g->name,
		.role = &g->role,
		.ring = &g->ring,
		.clearsigned = clearsigned,
		.end = &end,
		.errors = buf_str(&errors),
	};
	buf_str(&status);
	if (gpgv_decide(&question, status.data, result, e))
		return -1;
	return out ? rewind_and_read(g->output, TEXT_LIMIT, out, e) : 0;
}

int gpgv_clearsigned(const char *path, const struct gpgv_role *role, struct buf *out,
	struct gpgv_result *result, struct err *e)
{
	_buf_ struct buf text = {0};
	_gpgv_ struct gpgv *g = gpgv_new(path, role, e);
	if (!g || fs_read(AT_FDCWD, path, TEXT_LIMIT, &text, e) ||
		gpgv_check_frame(g->name, buf_str(&text), text.len, e))
		return -1;
	_close_ int in = memory_file("signed", e);
	if (in < 0 || fs_write_all(in, text.data, text.len, e))
		return -1;
	if (lseek(in, 0, SEEK_SET) < 0)
		return err_sys(e, "can't rewind %s", g->name);
	if (launch(g, "-", NULL, in, -1, e))
		return -1;
	return finish(g, true, out, result, e);
}

struct gpgv *gpgv_start(
	const char *signature, int data_fd, const struct gpgv_role *role, struct err *e)
{
	_gpgv_ struct gpgv *g = gpgv_new(signature, role, e);
	if (!g)
		return NULL;
	_close_ int sig = open(signature, O_RDONLY | O_CLOEXEC);
	if (sig < 0) {
		err_sys(e, "can't read %s", signature);
		return NULL;
	}
	_free_ char *path = xasprintf("/proc/self/fd/%d", sig);
	return launch(g, path, "-", data_fd, sig, e) ? NULL : steal(g);
}

int gpgv_end(struct gpgv *g, struct gpgv_result *result, struct err *e)
{
	int status = finish(g, false, NULL, result, e);
	gpgv_free(g);
	return status;
}

void gpgv_kill(struct gpgv *g)
{
	struct proc_end end;
	struct err ignored = {0};
	if (g && g->pid > 0) {
		proc_kill(g->pid);
		proc_wait(g->pid, &end, &ignored);
	}
	gpgv_free(g);
}

int gpgv_detached(const char *signature, int data_fd, const struct gpgv_role *role,
	struct gpgv_result *result, struct err *e)
{
	struct gpgv *g = gpgv_start(signature, data_fd, role, e);
	return g ? gpgv_end(g, result, e) : -1;
}
