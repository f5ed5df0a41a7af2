/* debian_mirror.c: where packages come from: the user's mirrors, or the host's apt. */
#include <stdlib.h>
#include "orchestrator/base/proc.h"
#include "sysroot/debian.h"

/* Takes "URL/" lines of apt; what curl can't read (cdrom:, mirror+file:) is left out. */
static void add_apt_lines(struct mirrors *m, char *text)
{
	char *pos = text, *line;

	while ((line = str_next_line(&pos))) {
		size_t len = strlen(line);

		while (len && line[len - 1] == '/')
			line[--len] = '\0';
		if (str_starts(line, "file:/") && !str_starts(line, "file://")) {
			_free_ char *url = xasprintf("file://%s", line + strlen("file:"));

			if (!str_vec_has(&m->apt, url))
				str_vec_add(&m->apt, url);
			continue;
		}
		if ((str_starts(line, "http://") || str_starts(line, "https://") ||
			    str_starts(line, "file://")) &&
			!str_vec_has(&m->apt, line))
			str_vec_add(&m->apt, line);
	}
}

static int ask_apt(struct mirrors *m, struct err *e)
{
	static const char *const argv[] = {"apt-get", "indextargets", "--format",
		"$(REPO_URI)", "Created-By: Packages", NULL};
	_buf_ struct buf out = {0};
	struct proc_end end;

	if (!proc_in_path("apt-get"))
		return err_set(e, ERR_USAGE,
			"no mirror is known: this host has no apt to ask; name one with "
			"--package-mirror URL, ending in the archive's name "
			"(.../debian)");
	if (proc_capture(argv, false, 1 << 20, &out, &end, e))
		return -1;
	if (!proc_ok(&end))
		return err_set(e, ERR_NETWORK,
			"apt-get indextargets: %s; name a mirror with --package-mirror "
			"URL",
			proc_describe(&end));
	buf_str(&out);
	if (out.data)
		add_apt_lines(m, out.data);
	if (m->apt.len == 0)
		return err_set(e, ERR_NETWORK,
			"the host's apt knows no mirror that can be used (apt-get "
			"indextargets); "
			"name one with --package-mirror URL");
	return 0;
}

void mirrors_init(struct mirrors *m, const struct sysroot_env *env)
{
	*m = (struct mirrors){0};
	for (const char *const *url = env->mirrors; url && *url; url++) {
		size_t len = strlen(*url);

		while (len && (*url)[len - 1] == '/')
			len--;
		str_vec_addf(&m->given, "%.*s", (int)len, *url);
	}
}

void mirrors_free(struct mirrors *m)
{
	str_vec_free(&m->given);
	str_vec_free(&m->apt);
}

static const char mark[] = "{timestamp}";

/* Whether the URL's last part, not counting a time stamp, is the archive's name. */
static bool serves(const char *base, const char *archive)
{
	const char *at = strstr(base, mark);
	size_t end = at ? (size_t)(at - base) : strlen(base), len = strlen(archive);

	while (end && base[end - 1] == '/')
		end--;
	return end > len && base[end - len - 1] == '/' &&
	       strncmp(base + end - len, archive, len) == 0;
}

static void add_url(
	const char *base, const char *timestamp, const char *path, struct str_vec *urls)
{
	const char *at = strstr(base, mark);

	if (!at)
		str_vec_addf(urls, "%s/%s", base, path);
	else if (timestamp)
		str_vec_addf(urls, "%.*s%s%s/%s", (int)(at - base), base, timestamp,
			at + sizeof(mark) - 1, path);
}

static void add_urls(const struct str_vec *bases, const char *archive,
	const char *timestamp, const char *path, struct str_vec *urls)
{
	for (size_t i = 0; i < bases->len; i++)
		if (serves(bases->items[i], archive))
			add_url(bases->items[i], timestamp, path, urls);
}

int mirrors_urls(struct mirrors *m, const char *archive, const char *timestamp,
	const char *path, struct str_vec *urls, struct err *e)
{
	size_t before = urls->len;

	add_urls(&m->given, archive, timestamp, path, urls);
	if (urls->len > before)
		return 0;
	if (!m->asked && ask_apt(m, e))
		return -1;
	m->asked = true;
	add_urls(&m->apt, archive, timestamp, path, urls);
	if (urls->len > before)
		return 0;
	return err_set(e, ERR_USAGE,
		"the host's apt knows no mirror of the archive '%s': name one with "
		"--package-mirror "
		"URL, ending in /%s",
		archive, archive);
}
