/* cmd_config_diff.c: kiln config diff: files, targets and images side by side. */
#include <fcntl.h>
#include <stdio.h>
#include "kernel/config_diff.h"
#include "oci/manage.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/config_target.h"

/* What an image says of its kernel; LinuxKit's own images leave it out. */
#define CONFIG_FILE  "kernel_config"
#define CONFIG_LIMIT (8u << 20)

/* What stands on one side, by its form: a row takes the words that it knows. */
struct side {
	const struct options *global;
	const struct selection *selection;
	const char *word;
};

static bool is_file(const char *word)
{
	return fs_exists(AT_FDCWD, word) && !fs_is_dir(AT_FDCWD, word);
}

static int read_file(const struct side *side, struct config_set *set, struct err *e)
{
	return config_read(set, side->word, NULL, e);
}

/* LAYOUT:IMAGE. A layout's path may hold colons, as an image's name does: the first
 * colon behind a directory is the one; without any, the first. */
static const char *split_image(const char *word)
{
	const char *colon = strchr(word, ':');

	for (const char *c = colon; c; c = strchr(c + 1, ':')) {
		_free_ char *layout = xstrndup(word, (size_t)(c - word));

		if (fs_is_dir(AT_FDCWD, layout))
			return c;
	}
	return colon;
}

static bool is_image(const char *word)
{
	return strchr(word, ':') != NULL;
}

static int set_architecture(
	const struct side *side, struct oci_wanted *wanted, struct err *e)
{
	const struct str_vec *archs = &side->selection->archs;
	const struct arch *arch;

	if (!archs->len)
		return 0;
	if (archs->len > 1)
		return err_set(e, ERR_USAGE, "%s: give one --arch", side->word);
	arch = arch_find(archs->items[0], e);
	if (!arch)
		return -1;
	wanted->architecture = arch->goarch;
	return 0;
}

static int read_image(const struct side *side, struct config_set *set, struct err *e)
{
	_layout_ struct oci_layout l = OCI_LAYOUT_CLOSED;
	const char *colon = split_image(side->word);
	_free_ char *path = xstrndup(side->word, (size_t)(colon - side->word));
	struct oci_wanted wanted = {.word = colon + 1,
		.architecture = "",
		.file = CONFIG_FILE,
		.limit = CONFIG_LIMIT};
	_buf_ struct buf text = {0};

	if (!fs_is_dir(AT_FDCWD, path))
		return err_set(e, ERR_USAGE,
			"there is no layout %s: an image is LAYOUT:IMAGE, as 'kiln image "
			"ls LAYOUT' names it",
			path);
	if (set_architecture(side, &wanted, e) < 0 || oci_layout_open(&l, path, e) < 0 ||
		oci_layout_lock(&l, false, e) < 0 ||
		oci_image_file(&l, &wanted, &text, e) < 0)
		return -1;
	return config_parse(set, buf_str(&text), side->word, e);
}

static bool is_target(const char *word)
{
	return !strchr(word, '/');
}

static int read_target(const struct side *side, struct config_set *set, struct err *e)
{
	_buf_ struct buf text = {0};

	if (config_target_text(side->global, side->selection, side->word, &text, e) < 0)
		return -1;
	return config_parse(set, buf_str(&text), side->word, e);
}

static const struct kind {
	bool (*is)(const char *word);
	int (*read)(const struct side *side, struct config_set *set, struct err *e);
} kinds[] = {
	{is_file, read_file},
	{is_image, read_image},
	{is_target, read_target},
};

static int read_side(const struct side *side, struct config_set *set, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].is(side->word))
			return kinds[i].read(side, set, e);
	return err_set(e, ERR_USAGE, "there is no file %s", side->word);
}

/* Exit status 1 tells that they differ, as diff(1) does. */
int config_compare(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	_selection_ struct selection selection = {.drift = "warn"};
	_config_set_ struct config_set a = {0}, b = {0};
	_buf_ struct buf text = {0};
	const struct option_row rows[] = {SELECTION_ROWS(&selection), {0}};

	argc = options_rows(rows, argc, argv, e);
	if (argc < 0)
		return -1;
	if (argc != 3)
		return err_set(e, ERR_USAGE,
			"kiln config diff needs two configurations: files, targets or "
			"images (LAYOUT:IMAGE)");
	if (read_side(&(struct side){global, &selection, argv[1]}, &a, e) < 0 ||
		read_side(&(struct side){global, &selection, argv[2]}, &b, e) < 0)
		return -1;
	*status = config_diff(&a, &b, &text) != 0;
	fputs(buf_str(&text), stdout);
	return 0;
}
