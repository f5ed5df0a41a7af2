#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/step_child.h"

static int open_log(const struct store *store, const struct step *step, struct err *e)
{
	_free_ char *dir = xasprintf("logs/%s", step->stage->name);
	_free_ char *path = store_log(store, step->stage->name, step->key);
	int fd;

	if (fs_mkdirs(store->fd, dir, 0755, e) < 0)
		return -1;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		err_sys(e, "can't create the log %s", path);
	return fd;
}

static int run_in(const struct step_child *c, struct store_temp *temp, struct err *e)
{
	const struct step *step = c->step;
	const struct store *store = c->env->store;
	_free_ char *out_path = xasprintf("%s/%s/out", store->path, temp->name);
	_free_ char *scratch = xasprintf("%s/%s/scratch", store->path, temp->name);
	_close_ int out = fs_open_dir(AT_FDCWD, out_path, e);
	_close_ int log = open_log(store, step, e);
	struct step_run r = {
		.stage = step->stage,
		.recipe = step->recipe,
		.need_keys = step->need_keys,
		.env = c->env,
		.out = out,
		.out_path = out_path,
		.scratch = scratch,
		.log = log,
		.cancel = c->cancel,
		.jobserver = {c->jobserver[0], c->jobserver[1]},
	};

	if (out < 0 || log < 0)
		return -1;
	for (size_t f = 0; f < STAGE_MAX_FIELDS && step->stage->fields[f]; f++) {
		const struct field_value *v =
			&step->recipe->field[step->stage->fields[f] - 1];
		bool secret = step->stage->fields[f] - 1 == FIELD_MODULE_KEY;

		for (size_t i = 0; i < v->count && !secret; i++)
			store_keep_input(store, v->files[i].path, v->files[i].digest);
	}
	if (step->stage->run(&r, e) < 0)
		return -1;
	return store_commit(store, step->stage->name, step->key, step->text, temp, e);
}

static int run_step(const struct step_child *c, struct err *e)
{
	const struct store *store = c->env->store;
	struct store_temp temp;
	int ret = 0;

	if (store_begin(store, c->step->stage->name, c->step->key, &temp, e) < 0)
		ret = -1;
	/* Another kiln may have made it while this one waited for the lock. */
	else if (!store_has(store, c->step->stage->name, c->step->key))
		ret = run_in(c, &temp, e);
	store_end(store, &temp);
	return ret;
}

static void child(const struct step_child *c, int progress_fd, int error_fd, pid_t parent)
{
	sigset_t none;
	struct err e = {0};
	ssize_t ignored;

	setpgid(0, 0); /* Ctrl-C is the loop's to hear */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(ERR_INTERNAL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	close(c->close_in_child);
	log_set_progress(progress_fd);
	/* The same bytes whoever starts kiln. */
	umask(022);
	if (run_step(c, &e) == 0)
		_exit(0);
	ignored = write(error_fd, &e, sizeof(e)); /* below PIPE_BUF: whole */
	(void)ignored;
	_exit(e.code ? e.code : ERR_INTERNAL);
}

pid_t step_child_start(
	const struct step_child *c, int *progress_fd, int *error_fd, struct err *e)
{
	_close_ int progress_read = -1, progress_write = -1;
	_close_ int error_read = -1, error_write = -1;
	int progress[2], error[2];
	pid_t pid, parent = getpid();

	if (pipe2(progress, O_CLOEXEC) < 0)
		return err_sys(e, "can't make a pipe");
	progress_read = progress[0];
	progress_write = progress[1];
	if (pipe2(error, O_CLOEXEC) < 0)
		return err_sys(e, "can't make a pipe");
	error_read = error[0];
	error_write = error[1];
	pid = fork();
	if (pid < 0)
		return err_sys(e, "can't start a step");
	if (pid == 0)
		child(c, progress_write, error_write, parent);
	setpgid(pid, pid);
	*progress_fd = steal_fd(&progress_read);
	*error_fd = steal_fd(&error_read);
	return pid;
}

void step_child_failure(const struct store *store, const struct step *step, int error_fd,
	const struct proc_end *end, struct err *e)
{
	_free_ char *log = store_log(store, step->stage->name, step->key);

	if (read(error_fd, e, sizeof(*e)) != (ssize_t)sizeof(*e) || !e->code)
		err_set(e, ERR_INTERNAL, "the step ended unexpectedly: %s",
			proc_describe(end));
	err_wrap(e, "%s: %s", step->label, step->stage->noun);
	if (e->code == ERR_BUILD)
		err_hint(e, "the whole log: %s", log);
}
