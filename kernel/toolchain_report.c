#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "kernel/kmake.h"
#include "kernel/toolchain_report.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/json.h"
#include "orchestrator/base/mem.h"

static int ask(
	const struct kbuild *k, const char *program, json_t *answers, struct err *e)
{
	_free_ char *path = fs_join(k->scratch, "version");
	_close_ int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	const char *const argv[] = {program, "--version", NULL};
	struct kmake_run run = {.argv = argv, .in = -1, .out = fd, .err = -1};
	_buf_ struct buf text = {0};
	struct proc_end end;
	char *pos, *line;

	if (fd < 0)
		return err_sys(e, "%s", path);
	if (kmake_box(k, &run, &end, e))
		return -1;
	if (!proc_ok(&end))
		return err_set(e, ERR_BUILD, "%s --version ended with %s", program,
			proc_describe(&end));
	if (lseek(fd, 0, SEEK_SET) < 0 || fs_read_fd(fd, path, 1 << 20, &text, e))
		return -1;
	pos = text.data;
	line = pos ? str_next_line(&pos) : NULL;
	json_object_set_new(answers, program, json_string(line ? line : ""));
	return 0;
}

int toolchain_report(const struct kbuild *k, int out, struct err *e)
{
	_json_ json_t *report = json_object();
	_str_vec_ struct str_vec programs = {0};
	_buf_ struct buf text = {0};
	json_t *answers = json_object();

	json_object_set_new(report, "toolchain", json_string(k->toolchain->name));
	json_object_set_new(report, "programs", answers);
	toolchain_programs(k->toolchain, k->arch, &programs);
	STR_VEC_FOREACH (program, &programs)
		if (ask(k, program, answers, e))
			return -1;
	json_dump(report, &text);
	buf_addc(&text, '\n');
	return fs_publish(out, "toolchain.json", text.data, text.len, 0644, e);
}
