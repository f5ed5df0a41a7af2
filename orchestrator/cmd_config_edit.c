/* cmd_config_edit.c: kiln config refresh and menu: config files renewed, or edited. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "kernel/config_edit.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/config_target.h"

/* Replaces a config file, if it changes at all. */
static int write_back(const char *path, const struct buf *text, bool dry, struct err *e)
{
	_buf_ struct buf old = {0};

	if (fs_read(AT_FDCWD, path, 8 << 20, &old, e) < 0)
		return -1;
	if (old.len == text->len && !memcmp(old.data, text->data, old.len)) {
		printf("%s: as it was\n", path);
		return 0;
	}
	if (!dry && fs_publish(AT_FDCWD, path, text->data, text->len, 0644, e) < 0)
		return -1;
	printf("%s: %s\n", path, dry ? "would be rewritten" : "rewritten");
	return 0;
}

static int refresh_target(
	struct session *s, const struct target *t, bool dry, struct err *e)
{
	_config_work_ struct config_work work = {.log = -1};
	_buf_ struct buf renewed = {0}, summary = {0};
	const char *path = series_config(&s->workspace, t->series, t->arch);

	if (t->series->base || t->debug)
		return err_set(e, ERR_USAGE,
			"%s only adds to another configuration: refresh its series, and "
			"see "
			"what 'kiln config check' says of it",
			t->name);
	if (config_work_open(&work, s, t, e) < 0 ||
		kbuild_config_refresh(&work.k, path, &renewed, &summary, e) < 0)
		return err_wrap(e, "%s", t->name);
	printf("%s for %s\n%s", t->name, t->version, buf_str(&summary));
	return write_back(path, &renewed, dry, e);
}

static int refresh_targets(struct session *s, void *arg, struct err *e)
{
	for (size_t i = 0; i < s->targets.count; i++)
		if (refresh_target(s, &s->targets.items[i], *(bool *)arg, e) < 0)
			return -1;
	return 0;
}

int config_refresh(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	_selection_ struct selection selection = {0};
	bool dry = false;
	const struct option_row rows[] = {
		SELECTION_ROWS(&selection),
		{"--dry-run", NULL, "only say what would change", &dry, false},
		{0},
	};

	(void)status;
	argc = options_rows(rows, argc, argv, e);
	if (argc < 0)
		return -1;
	if (argc < 2)
		return err_set(
			e, ERR_USAGE, "kiln config refresh needs a series: 6.12.x");
	return config_each(
		global, &selection, argc - 1, argv + 1, refresh_targets, &dry, e);
}

static int menu_target(
	struct session *s, const struct target *t, const char *goal, struct err *e)
{
	_config_work_ struct config_work work = {.log = -1};
	_str_vec_ struct str_vec files = {0};
	_buf_ struct buf edited = {0};
	struct config_request request;
	int changed;

	config_target_request(t, &files, &request);
	if (config_work_open(&work, s, t, e) < 0)
		return -1;
	changed = kbuild_config_menu(&work.k, &request, goal, &edited, e);
	if (changed < 0)
		return -1;
	if (!changed) {
		printf("%s: nothing was changed\n", files.items[files.len - 1]);
		return 0;
	}
	return write_back(files.items[files.len - 1], &edited, false, e);
}

int config_menu(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	_selection_ struct selection selection = {0};
	_session_ struct session s = {.store = {.fd = -1, .lock = -1}};
	const char *goal = NULL;
	const struct option_row rows[] = {
		SELECTION_ROWS(&selection),
		{"--goal", "GOAL", "instead of menuconfig: nconfig, config", &goal,
			false},
		{0},
	};

	(void)status;
	argc = options_rows(rows, argc, argv, e);
	if (argc < 0)
		return -1;
	if (argc != 2)
		return err_set(e, ERR_USAGE, "kiln config menu needs one target: 6.12.x");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(e, ERR_USAGE,
			"kiln config menu needs a terminal; edit the config file "
			"instead");
	if (session_open(&s, global, &selection, 1, argv + 1, e) < 0)
		return -1;
	if (s.targets.count != 1)
		return err_set(e, ERR_USAGE,
			"kiln config menu edits one configuration: give one --arch and "
			"one "
			"--flavor");
	return menu_target(&s, &s.targets.items[0], goal, e);
}
