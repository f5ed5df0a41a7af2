/* kiln gc: what no target's last build needs goes. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/command.h"
#include "orchestrator/stage.h"

/* Keys of all records: last runs and last successes. */
static int collect_live(const struct store *s, struct str_vec *live, struct err *e)
{
	_str_vec_ struct str_vec names = {0};

	if (!fs_exists(s->fd, "records"))
		return 0;
	if (fs_list(s->fd, "records", &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		_free_ char *path = fs_join("records", names.items[i]);
		_buf_ struct buf text = {0};

		if (fs_read(s->fd, path, 1 << 20, &text, e) < 0)
			return -1;
		str_split(live, text.data, " \n");
	}
	return 0;
}

struct total {
	uint64_t bytes;
};

static int add_size(const struct fs_entry *entry, void *arg, struct err *e)
{
	struct total *t = arg;

	(void)e;
	t->bytes += (uint64_t)entry->st->st_blocks * 512;
	return 0;
}

static int sweep_dir(const struct store *s, const char *dir, const char *suffix,
	const struct str_vec *live, uint64_t *freed, struct err *e)
{
	_str_vec_ struct str_vec names = {0};

	if (!fs_exists(s->fd, dir))
		return 0;
	if (fs_list(s->fd, dir, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		_free_ char *key = xstrndup(names.items[i], strcspn(names.items[i], "."));
		_free_ char *path = fs_join(dir, names.items[i]);
		struct total total = {0};

		if (str_vec_has(live, key) || (*suffix && !strchr(names.items[i], '.')))
			continue;
		if (fs_is_dir(s->fd, path) &&
			fs_walk(s->fd, path, add_size, &total, e) < 0)
			return -1;
		if (fs_remove(s->fd, path, e) < 0)
			return -1;
		log_verbose("removed %s", path);
		*freed += total.bytes;
	}
	return 0;
}

int cmd_gc(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	const struct option_row rows[] = {{0}};
	_store_ struct store s = {.fd = -1, .lock = -1};
	_str_vec_ struct str_vec live = {0};
	uint64_t freed = 0;

	(void)status;
	argc = options_rows(rows, argc, argv, e);
	if (argc < 0)
		return -1;
	if (argc > 1)
		return err_set(
			e, ERR_USAGE, "kiln gc takes no target, but got '%s'", argv[1]);
	if (store_open(&s, global->store, true, e) < 0 ||
		collect_live(&s, &live, e) < 0 || store_sweep(&s, e) < 0)
		return -1;
	for (const struct stage *stage = stages; stage->name; stage++) {
		_free_ char *logs = xasprintf("logs/%s", stage->name);

		if (sweep_dir(&s, stage->name, "", &live, &freed, e) < 0 ||
			sweep_dir(&s, logs, ".", &live, &freed, e) < 0)
			return -1;
	}
	printf("%s freed\n", str_bytes(freed));
	return 0;
}
