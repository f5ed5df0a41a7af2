#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include "oci/image.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/json.h"
#include "orchestrator/publish.h"

#define TAGS 4

char *publish_short_name(const struct publish_options *o, bool perf)
{
	return xasprintf("%s/%s%s", o->org ? o->org : "linuxkit",
		o->image ? o->image : "kernel", perf ? "-perf" : "");
}

/* As references are read everywhere: a first component without '.' or ':' that isn't
 * localhost is no host, and the host is docker.io. */
char *publish_full_name(const struct publish_options *o, bool perf)
{
	_free_ char *name = publish_short_name(o, perf);
	size_t first = strcspn(name, "/");
	bool has_host = strcspn(name, ".:") < first ||
			(first == strlen("localhost") && str_starts(name, "localhost"));

	return has_host ? steal(name) : xasprintf("docker.io/%s", name);
}

static void tags_of(
	const struct target *t, struct str_vec *names, struct oci_tag tags[TAGS])
{
	str_vec_add(names, t->tag);
	str_vec_addf(names, "%s-%s", t->tag, t->hash);
	str_vec_addf(names, "%s-%s", t->tag, t->arch->goarch);
	str_vec_addf(names, "%s-%s-%s", t->tag, t->hash, t->arch->goarch);
	for (size_t i = 0; i < TAGS; i++)
		tags[i] = (struct oci_tag){.tag = names->items[i], .single = i >= 2};
}

static int publish_one(const struct session *s, const struct publish_options *o,
	const struct target *t, const struct step *image, bool perf, struct err *e)
{
	_free_ char *from = store_result(&s->store, image->stage->name, image->key);
	_free_ char *name = publish_full_name(o, perf);
	_str_vec_ struct str_vec names = {0};
	struct oci_tag tags[TAGS];

	tags_of(t, &names, tags);
	if (oci_published(from, o->layout, name, tags, TAGS))
		return 0;
	return oci_publish(from, o->layout, name, tags, TAGS, e);
}

int publish(const struct session *s, const struct publish_options *o, struct err *e)
{
	for (size_t i = 0; i < s->targets.count; i++) {
		const struct target *t = &s->targets.items[i];

		if (publish_one(s, o, t, s->images[i], false, e) < 0)
			return -1;
		if (s->perf_images &&
			publish_one(s, o, t, s->perf_images[i], true, e) < 0)
			return -1;
	}
	return 0;
}

/* The sizes of the blobs that a manifest names, and its digest. */
static int read_manifest(const char *from, char **digest, uint64_t *size, struct err *e)
{
	_free_ char *path = fs_join(from, "manifest.json"), *blob = NULL;
	_buf_ struct buf text = {0}, manifest = {0};
	_json_ json_t *descriptor = NULL, *j = NULL;
	const char *d;
	json_t *layer;
	size_t i;

	if (fs_read(AT_FDCWD, path, 1 << 20, &text, e) < 0 ||
		!(descriptor = json_parse(text.data, text.len, path, ERR_STORE, e)))
		return -1;
	d = json_get_string(descriptor, "digest");
	if (!d || !str_starts(d, "sha256:"))
		return err_set(e, ERR_STORE,
			"%s has no digest: remove it and build again", path);
	blob = xasprintf("%s/blobs/sha256/%s", from, d + strlen("sha256:"));
	if (fs_read(AT_FDCWD, blob, 4 << 20, &manifest, e) < 0 ||
		!(j = json_parse(manifest.data, manifest.len, blob, ERR_STORE, e)))
		return -1;
	*digest = xstrdup(d);
	*size = 0;
	json_array_foreach(json_object_get(j, "layers"), i, layer) *size +=
		(uint64_t)json_integer_value(json_object_get(layer, "size"));
	return 0;
}

#define COLUMNS 90

/* "backtrace: yes" lines become words behind a head, as many to a line as fit. */
static void print_words(const char *head, const struct str_vec *words)
{
	size_t column = COLUMNS;

	STR_VEC_FOREACH (word, words) {
		if (column + 1 + strlen(word) > COLUMNS) {
			printf("%s  %-7s", column == COLUMNS ? "" : "\n",
				word_i ? "" : head);
			column = 9;
		}
		column += (size_t)printf(" %s", word);
	}
	if (words->len)
		putchar('\n');
}

/* What perf's own build found, and what it went without. */
static int print_features(const struct session *s, const struct step *perf, struct err *e)
{
	_free_ char *dir = store_result(&s->store, perf->stage->name, perf->key);
	_free_ char *path = fs_join(dir, "features");
	_str_vec_ struct str_vec with = {0}, without = {0};
	_buf_ struct buf text = {0};
	char *pos, *line;

	if (fs_read(AT_FDCWD, path, 1 << 20, &text, e) < 0)
		return -1;
	pos = text.data;
	while (pos && (line = str_next_line(&pos))) {
		bool yes = str_ends(line, ": yes");

		line[strcspn(line, ":")] = '\0';
		str_vec_add(yes ? &with : &without, line);
	}
	print_words("with", &with);
	print_words("without", &without);
	return 0;
}

static int report_one(const struct session *s, const struct publish_options *o,
	const struct target *t, const struct step *image, bool perf, struct err *e)
{
	_free_ char *from = store_result(&s->store, image->stage->name, image->key);
	_free_ char *name = publish_short_name(o, perf), *digest = NULL;
	_str_vec_ struct str_vec names = {0};
	struct oci_tag tags[TAGS];
	uint64_t size = 0;

	if (read_manifest(from, &digest, &size, e) < 0)
		return -1;
	tags_of(t, &names, tags);
	printf("%s:%s  %s\n", name, t->tag, t->arch->name);
	printf("  digest  %s\n  size    %s\n", digest, str_bytes(size));
	for (size_t i = 1; i < TAGS; i++)
		printf("  %s  %s\n", i == 1 ? "tags  " : "      ", tags[i].tag);
	return perf ? print_features(s, plan_find(image, "perf"), e) : 0;
}

int publish_report(
	const struct session *s, const struct publish_options *o, struct err *e)
{
	for (size_t i = 0; i < s->targets.count; i++) {
		const struct target *t = &s->targets.items[i];

		if (report_one(s, o, t, s->images[i], false, e) < 0)
			return -1;
		if (s->perf_images && report_one(s, o, t, s->perf_images[i], true, e) < 0)
			return -1;
	}
	return 0;
}
