#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/download.h"
#include "orchestrator/base/fs.h"
#include "tests/base/pgp_keys.h"
#include "tests/kernel/source_trial.h"
#include "tests/test.h"

struct kernel_org org;
static bool have_org;

void source_setup(void)
{
	have_org = proc_in_path("gpg") && proc_in_path("xz");
	if (have_org)
		kernel_org_make(&org);
}

void source_teardown(void)
{
	if (have_org)
		kernel_org_free(&org);
}

static const struct download_timing hasty = {
	.connect_ms = 2000,
	.stall_seconds = 5,
	.stall_bytes = 10,
	.backoff_ms = 1,
	.longest_wait_ms = 2000,
};

void trial_free(struct trial *t)
{
	free(t->cache);
	free(t->fetched);
	free(t->unpacked);
	free(t->queue);
	source_info_free(&t->info);
	source_info_free(&t->queue_info);
}

void trial_dirs(struct trial *t)
{
	char **dirs[] = {&t->cache, &t->fetched, &t->unpacked, &t->queue};
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (!*dirs[i])
			*dirs[i] = xstrdup(test_tmpdir());
	if (!t->spec.keys)
		t->spec.keys = org.keys;
	download_set_timing(&hasty);
}

struct source_env trial_env(const struct trial *t)
{
	return (struct source_env){
		.cache = t->cache, .mirrors = t->mirrors, .offline = t->offline};
}

int trial_queue(struct trial *t)
{
	struct source_env env = trial_env(t);
	_close_ int out = fs_open_dir(AT_FDCWD, t->queue, &t->e);
	return source_queue_fetch(&t->spec, &env, out, &t->e) ||
			       source_info_read(t->queue, &t->queue_info, &t->e)
		       ? -1
		       : 0;
}

int trial_fetch(struct trial *t)
{
	trial_dirs(t);
	struct source_env env = trial_env(t);
	_close_ int out = fs_open_dir(AT_FDCWD, t->fetched, &t->e);
	if (source_fetch(&t->spec, &env, out, &t->e))
		return -1;
	return t->spec.rt ? trial_queue(t) : 0;
}

int trial_run(struct trial *t)
{
	if (trial_fetch(t))
		return -1;
	_close_ int out = fs_open_dir(AT_FDCWD, t->unpacked, &t->e);
	if (source_unpack(&t->spec, t->fetched, out, &t->e))
		return -1;
	return source_info_read(t->unpacked, &t->info, &t->e);
}

char *mirror_of(const char *dir)
{
	return test_path("file://%s", dir);
}

char *spoiled(const char *how)
{
	_buf_ struct buf out = {0};
	char *dir = xstrdup(test_tmpdir());
	int status = test_sh(&out,
		"cp -a '%s/.' '%s' && cd '%s' && g() { gpg --batch --yes --quiet \"$@\"; "
		"} && "
		"sums() { (cd v6.x && sha256sum *.tar.xz > list && g \"$@\" --output "
		"sha256sums.asc --clearsign list && rm list); } && %s",
		org.dir, dir, dir, how);
	ck_assert_msg(status == 0, "%s: %s", how, buf_str(&out));
	return dir;
}

bool source_ready(void)
{
	return test_need("gpg") && test_need("gpgv") && test_need("xz");
}
