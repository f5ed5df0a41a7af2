/* debian_index.c: InRelease, proved by gpgv, and the Packages that it vouches for. */
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include "orchestrator/base/archive.h"
#include "orchestrator/base/download.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/gpgv.h"
#include "orchestrator/base/log.h"
#include "sysroot/debian.h"

#define RELEASE_LIMIT  (32 << 20)
#define PACKAGES_LIMIT (512 << 20)

/* What is read of an InRelease; text stays, the lines point into it. */
struct release {
	struct buf text;
	const char *codename, *suite, *valid_until;
	time_t date;
	bool by_hash;
	struct str_vec sums; /* sha256, size, path; three items each */
};

static void release_free(struct release *r)
{
	buf_free(&r->text);
	str_vec_free(&r->sums);
}
#define _release_ __attribute__((cleanup(release_free)))

static const char *field(char *line, const char *name)
{
	size_t len = strlen(name);

	return str_starts(line, name) && line[len] == ':' ? str_trim(line + len + 1)
							  : NULL;
}

static bool parse_date(const char *text, time_t *date)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S", &tm);

	if (!end || (!str_eq(end, " UTC") && !str_eq(end, " +0000")))
		return false;
	*date = timegm(&tm);
	return true;
}

static void parse_field(struct release *r, char *line)
{
	const char *value;

	if ((value = field(line, "Codename")))
		r->codename = value;
	else if ((value = field(line, "Suite")))
		r->suite = value;
	else if ((value = field(line, "Valid-Until")))
		r->valid_until = value;
	else if ((value = field(line, "Date")))
		r->date = parse_date(value, &r->date) ? r->date : 0;
	else if ((value = field(line, "Acquire-By-Hash")))
		r->by_hash = str_eq(value, "yes");
}

static void parse_release(struct release *r)
{
	char *pos = r->text.data, *line;
	bool in_sums = false;

	while (pos && (line = str_next_line(&pos))) {
		if (line[0] != ' ') {
			in_sums = str_starts(line, "SHA256:");
			parse_field(r, line);
		} else if (in_sums) {
			size_t before = r->sums.len;

			str_split(&r->sums, line, " \t\r");
			while (r->sums.len - before > 3)
				free(r->sums.items[--r->sums.len]);
			while (r->sums.len - before < 3)
				str_vec_add(&r->sums, "");
		}
	}
}

/* Valid-Until counts here, when a lock is made, and nowhere else. */
static int check_release(
	struct release *r, const struct deb_source *source, struct err *e)
{
	time_t until;

	if (!str_eq(r->codename, source->suite) && !str_eq(r->suite, source->suite))
		return err_set(e, ERR_VERIFY,
			"InRelease of %s %s is of another suite (%s, %s): the mirror is "
			"wrong",
			source->archive, source->suite, r->codename ? r->codename : "?",
			r->suite ? r->suite : "?");
	if (!r->date)
		return err_set(e, ERR_VERIFY, "InRelease of %s %s has no Date",
			source->archive, source->suite);
	if (!r->valid_until)
		return 0;
	if (!parse_date(r->valid_until, &until))
		return err_set(e, ERR_VERIFY,
			"InRelease of %s %s: Valid-Until is no date: %s", source->archive,
			source->suite, r->valid_until);
	if (until < time(NULL))
		return err_set(e, ERR_VERIFY,
			"InRelease of %s %s was valid until %s: the mirror is stale; "
			"take "
			"another with --package-mirror",
			source->archive, source->suite, r->valid_until);
	return 0;
}

static int open_index_dir(const struct sysroot_env *env, struct err *e)
{
	_free_ char *path = fs_join(env->cache, "index");

	if (fs_mkdirs(AT_FDCWD, path, 0755, e))
		return -1;
	return fs_open_dir(AT_FDCWD, path, e);
}

static int fetch_release(const struct deb_request *req, const struct deb_source *source,
	struct mirrors *m, const struct sysroot_env *env, struct release *out,
	struct err *e)
{
	_close_ int dir = open_index_dir(env, e);
	_free_ char *path = xasprintf("dists/%s/InRelease", source->suite);
	_free_ char *name = xasprintf("%s-%s.InRelease", source->archive, source->suite);
	_free_ char *file = xasprintf("%s/index/%s", env->cache, name);
	_str_vec_ struct str_vec urls = {0};
	struct gpgv_role role = {.name = "archive", .keyring = req->keyring};
	struct gpgv_result who;
	struct download d = {.dirfd = dir, .name = name, .max_size = RELEASE_LIMIT};

	if (dir < 0)
		return -1;
	if (mirrors_urls(m, source->archive, NULL, path, &urls, e))
		return -1;
	if (urls.len == 0)
		return err_set(e, ERR_USAGE,
			"no mirror of the archive '%s' is known: name one with "
			"--package-mirror "
			"URL",
			source->archive);
	d.urls = (const char *const *)urls.items;
	d.what = path;
	if (fs_remove(dir, name, e) || download_file(&d, e))
		return -1;
	if (gpgv_clearsigned(file, &role, &out->text, &who, e))
		return err_wrap(e, "%s %s", source->archive, source->suite);
	buf_str(&out->text);
	parse_release(out);
	log_verbose("%s %s: signed by %s", source->archive, source->suite, who.uid);
	return check_release(out, source, e);
}

/* The sums of one file, in the release's list. */
static char *const *find_sum(const struct release *r, const char *path)
{
	for (size_t i = 0; i + 2 < r->sums.len; i += 3)
		if (str_eq(r->sums.items[i + 2], path))
			return &r->sums.items[i];
	return NULL;
}

static int fetch_packages(const struct deb_source *source, const char *component,
	const char *arch, const struct release *r, struct mirrors *m,
	const struct sysroot_env *env, struct buf *out, struct err *e)
{
	_close_ int dir = open_index_dir(env, e);
	_close_ int fd = -1;
	_free_ char *listed = xasprintf("%s/binary-%s/Packages.xz", component, arch);
	char *const *sum = find_sum(r, listed);
	_str_vec_ struct str_vec urls = {0};
	struct download d = {.dirfd = dir, .max_size = PACKAGES_LIMIT, .what = listed};

	if (dir < 0)
		return -1;
	if (!sum || !digest_is_sha256(sum[0]) || !str_to_u64(sum[1], &d.size))
		return err_set(e, ERR_USAGE,
			"%s %s has no %s for %s (no %s in its InRelease)",
			source->archive, source->suite, component, arch, listed);
	d.sha256 = d.name = sum[0];
	if (r->by_hash) {
		_free_ char *path = xasprintf("dists/%s/%s/binary-%s/by-hash/SHA256/%s",
			source->suite, component, arch, sum[0]);
		if (mirrors_urls(m, source->archive, NULL, path, &urls, e))
			return -1;
	}
	_free_ char *plain = xasprintf("dists/%s/%s", source->suite, listed);
	if (mirrors_urls(m, source->archive, NULL, plain, &urls, e))
		return -1;
	d.urls = (const char *const *)urls.items;
	if (download_file(&d, e))
		return -1;
	fd = openat(dir, d.name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "can't open %s", listed);
	buf_addc(out, '\n');
	return archive_expand(fd, listed, PACKAGES_LIMIT, out, e);
}

static int fetch_source(const struct deb_request *req, const struct deb_source *source,
	struct mirrors *m, const struct sysroot_env *env, struct deb_indexes *out,
	struct err *e)
{
	_release_ struct release release = {0};
	struct tm tm;

	if (fetch_release(req, source, m, env, &release, e))
		return -1;
	gmtime_r(&release.date, &tm);
	for (size_t a = 0; a < req->archs.len; a++) {
		struct deb_index *x;

		out->items = xrealloc(out->items, (out->len + 1) * sizeof(*out->items));
		x = &out->items[out->len++];
		*x = (struct deb_index){.archive = source->archive,
			.suite = source->suite,
			.arch = req->archs.items[a]};
		strftime(x->timestamp, sizeof(x->timestamp), "%Y%m%dT%H%M%SZ", &tm);
		for (size_t c = 0; c < source->components.len; c++)
			if (fetch_packages(source, source->components.items[c], x->arch,
				    &release, m, env, &x->text, e))
				return -1;
	}
	return 0;
}

int indexes_fetch(const struct deb_request *r, const struct sysroot_env *env,
	struct deb_indexes *out, struct err *e)
{
	struct mirrors m;
	int result = 0;

	mirrors_init(&m, env);
	for (size_t i = 0; result == 0 && i < r->sources_len; i++)
		result = fetch_source(r, &r->sources[i], &m, env, out, e);
	mirrors_free(&m);
	return result;
}

void indexes_free(struct deb_indexes *x)
{
	for (size_t i = 0; i < x->len; i++)
		buf_free(&x->items[i].text);
	free(x->items);
	*x = (struct deb_indexes){0};
}

static int by_sum(const void *a, const void *b)
{
	const struct deb *x = *(struct deb *const *)a, *y = *(struct deb *const *)b;

	return memcmp(x->sha256, y->sha256, SHA256_HEX_LEN);
}

/* One stanza: its size goes to the package with its sha256, if that is in the lock. */
static void take_size(struct deb **debs, size_t len, const char *sum, const char *size)
{
	struct deb wanted = {.sha256 = sum}, *key = &wanted, **hit;

	hit = sum && size ? bsearch(&key, debs, len, sizeof(*debs), by_sum) : NULL;
	if (hit)
		(*hit)->size = strtoull(size, NULL, 10);
}

static void take_sizes(const struct buf *text, struct deb **debs, size_t len)
{
	const char *sum = NULL, *size = NULL;

	for (const char *p = text->data; p && *p;) {
		const char *end = strchr(p, '\n');

		if (str_starts(p, "SHA256: ") && end && end - p >= 8 + SHA256_HEX_LEN)
			sum = p + 8;
		else if (str_starts(p, "Size: "))
			size = p + 6;
		p = end ? end + 1 : NULL;
		if (p && *p != '\n' && *p != '\0')
			continue;
		take_size(debs, len, sum, size);
		sum = size = NULL;
	}
}

int indexes_sizes(const struct deb_indexes *x, struct lock *lock, struct err *e)
{
	struct deb **debs = xcalloc(lock->len + 1, sizeof(struct deb *));
	int r = 0;

	for (size_t i = 0; i < lock->len; i++)
		debs[i] = &lock->debs[i];
	qsort(debs, lock->len, sizeof(struct deb *), by_sum);
	for (size_t i = 0; i < x->len; i++)
		take_sizes(&x->items[i].text, debs, lock->len);
	for (size_t i = 0; r == 0 && i < lock->len; i++)
		if (lock->debs[i].size == 0)
			r = err_set(e, ERR_VERIFY, "Packages has no Size for %s",
				lock->debs[i].name);
	free(debs);
	return r;
}
