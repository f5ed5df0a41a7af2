/* debian_conf.c: what the conf of a Debian sysroot asks for. */
#include <fcntl.h>
#include <stdlib.h>
#include "orchestrator/base/fs.h"
#include "sysroot/debian.h"

static int read_source(const struct conf_entry *entry, const char *path,
	struct deb_request *r, struct err *e)
{
	struct deb_source source = {0};
	_str_vec_ struct str_vec words = {0};

	str_split(&words, entry->value, " \t");
	if (words.len < 3)
		return err_set(e, ERR_USAGE,
			"%s:%u: archive = NAME SUITE COMPONENT..., such as debian "
			"bookworm main",
			path, entry->line);
	source.archive = xstrdup(words.items[0]);
	source.suite = xstrdup(words.items[1]);
	for (size_t i = 2; i < words.len; i++)
		str_vec_add(&source.components, words.items[i]);
	r->sources = xrealloc(r->sources, (r->sources_len + 1) * sizeof(source));
	r->sources[r->sources_len++] = source;
	return 0;
}

/* Everything that moves a lock when it changes; not exclude and link, which only decide
 * what is made of the packages. */
static void digest_request(const struct conf *conf, struct deb_request *r)
{
	static const char *const keys[] = {
		"archive", "machine", "foreign", "packages", "without"};
	struct digest *d = digest_new(DIGEST_SHA256);

	for (size_t i = 0; i < conf->len; i++)
		for (size_t k = 0; k < ARRAY_LEN(keys); k++)
			if (str_eq(conf->entries[i].key, keys[k])) {
				_str_vec_ struct str_vec words = {0};

				digest_add(d, conf->entries[i].section,
					strlen(conf->entries[i].section) + 1);
				digest_add(d, keys[k], strlen(keys[k]) + 1);
				str_split(&words, conf->entries[i].value, " \t");
				for (size_t w = 0; w < words.len; w++)
					digest_add(d, words.items[w],
						strlen(words.items[w]) + 1);
			}
	digest_end(d, r->digest);
}

int deb_request_read(const struct conf *conf, struct deb_request *r, struct err *e)
{
	for (size_t i = 0; i < conf->len; i++)
		if (!*conf->entries[i].section &&
			str_eq(conf->entries[i].key, "archive") &&
			read_source(&conf->entries[i], conf->path, r, e))
			return -1;
	if (r->sources_len == 0)
		return err_set(e, ERR_USAGE,
			"%s: no line archive = NAME SUITE COMPONENT...", conf->path);
	conf_words(conf, "", "machine", &r->archs);
	if (r->archs.len != 1)
		return err_set(e, ERR_USAGE, "%s: no line machine = amd64", conf->path);
	conf_words(conf, "", "foreign", &r->archs);
	conf_sections(conf, &r->groups);
	if (!str_vec_has(&r->groups, "base"))
		return err_set(e, ERR_USAGE, "%s: no section [base]", conf->path);
	r->keyring = conf_get(conf, "", "keyring");
	if (!r->keyring)
		return err_set(e, ERR_USAGE, "%s: no line keyring = PATH", conf->path);
	digest_request(conf, r);
	return 0;
}

void deb_request_free(struct deb_request *r)
{
	for (size_t i = 0; i < r->sources_len; i++) {
		free((char *)r->sources[i].archive);
		free((char *)r->sources[i].suite);
		str_vec_free(&r->sources[i].components);
	}
	free(r->sources);
	str_vec_free(&r->archs);
	str_vec_free(&r->groups);
	*r = (struct deb_request){0};
}
