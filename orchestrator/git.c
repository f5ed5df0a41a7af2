#include <fcntl.h>
#include <git2.h>
#include <stdlib.h>
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/git.h"

void git_identity_free(struct git_identity *id)
{
	free(id->hash);
	free(id->revision);
	*id = (struct git_identity){0};
}

/* An open repository, and where the workspace lies in it. */
struct repo {
	git_repository *repo;
	git_tree *head;
	char commit[GIT_OID_HEXSZ + 1];
	char *prefix; /* "kernel/" or "" */
};

static void repo_close(struct repo *r)
{
	git_tree_free(r->head);
	git_repository_free(r->repo);
	free(r->prefix);
	git_libgit2_shutdown();
}

static int head_tree(struct repo *r)
{
	git_object *commit = NULL;
	int ret = git_revparse_single(&commit, r->repo, "HEAD^{commit}");

	if (ret == 0) {
		git_oid_tostr(r->commit, sizeof(r->commit), git_object_id(commit));
		ret = git_commit_tree(&r->head, (git_commit *)commit);
	}
	git_object_free(commit);
	return ret;
}

/* 0: opened; 1: no repository that can be used here. */
static int repo_open(struct repo *r, const char *path)
{
	_free_ char *real = realpath(path, NULL);
	const char *top;
	int ret;

	git_libgit2_init();
	ret = git_repository_open_ext(&r->repo, path, 0, NULL);
	if (ret < 0 && ret != GIT_ENOTFOUND)
		log_warn("%s: the git repository can't be used (%s): tags come from "
			 "contents",
			path, git_error_last() ? git_error_last()->message : "?");
	if (ret < 0 || !real || !(top = git_repository_workdir(r->repo)) ||
		strncmp(real, top, strlen(top) - 1) != 0 || head_tree(r) < 0)
		return 1;
	r->prefix = strlen(real) < strlen(top) ? xstrdup("")
					       : xasprintf("%s/", real + strlen(top));
	return 0;
}

/* A path as git prints it: quoted like C where a byte needs it. */
static void add_path(struct buf *out, const char *path)
{
	static const char letters[] = "\aa\bb\tt\nn\vv\ff\rr\"\"\\\\";
	bool plain = true;

	for (const unsigned char *p = (const unsigned char *)path; *p; p++)
		plain &= *p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\';
	if (plain) {
		buf_adds(out, path);
		return;
	}
	buf_addc(out, '"');
	for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
		const char *at = NULL;

		for (size_t i = 0; letters[i]; i += 2)
			if (letters[i] == (char)*p)
				at = letters + i + 1;
		if (at)
			buf_addf(out, "\\%c", *at);
		else if (*p < 0x20 || *p >= 0x7f)
			buf_addf(out, "\\%03o", *p);
		else
			buf_addc(out, (char)*p);
	}
	buf_addc(out, '"');
}

static void add_entry(const git_tree_entry *entry, const char *path, struct buf *out)
{
	char oid[GIT_OID_HEXSZ + 1];

	git_oid_tostr(oid, sizeof(oid), git_tree_entry_id(entry));
	buf_addf(out, "%06o %s %s\t", (unsigned)git_tree_entry_filemode_raw(entry),
		git_object_type2string(git_tree_entry_type(entry)), oid);
	add_path(out, path);
	buf_addc(out, '\n');
}

struct listing {
	const char *prefix;
	struct buf *out;
};

static int add_leaf(const char *dir, const git_tree_entry *entry, void *arg)
{
	struct listing *l = arg;
	_free_ char *path =
		xasprintf("%s%s%s", l->prefix, dir, git_tree_entry_name(entry));

	if (git_tree_entry_type(entry) != GIT_OBJECT_TREE)
		add_entry(entry, path, l->out);
	return 0;
}

/* `git ls-tree [-r] --full-tree HEAD -- <path>`; nothing there prints nothing. */
static void ls_tree(
	const struct repo *r, const char *name, bool recursive, struct buf *out)
{
	_free_ char *path = xasprintf("%s%s", r->prefix, name);
	_free_ char *below = xasprintf("%s/", path);
	struct listing listing = {.prefix = below, .out = out};
	git_tree_entry *entry = NULL;
	git_tree *tree = NULL;

	if (git_tree_entry_bypath(&entry, r->head, path) < 0)
		return;
	if (recursive && git_tree_entry_type(entry) == GIT_OBJECT_TREE) {
		if (git_tree_lookup(&tree, r->repo, git_tree_entry_id(entry)) == 0)
			git_tree_walk(tree, GIT_TREEWALK_PRE, add_leaf, &listing);
		git_tree_free(tree);
	} else {
		add_entry(entry, path, out);
	}
	git_tree_entry_free(entry);
}

static bool is_dirty(const struct repo *r)
{
	git_diff_options options;
	git_diff *diff = NULL;
	char *spec = *r->prefix ? r->prefix : NULL;
	bool dirty;

	git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
	if (spec) {
		options.pathspec.strings = &spec;
		options.pathspec.count = 1;
		options.flags |= GIT_DIFF_DISABLE_PATHSPEC_MATCH;
	}
	/* A repository that can't be compared is not known to be clean. */
	dirty = git_diff_tree_to_workdir_with_index(&diff, r->repo, r->head, &options) <
			0 ||
		git_diff_num_deltas(diff) > 0;
	git_diff_free(diff);
	return dirty;
}

static void hash_from_git(
	const struct repo *r, const struct series *s, struct git_identity *id)
{
	_buf_ struct buf shared = {0}, text = {0};
	bool dirty = is_dirty(r);
	char hash[41];

	ls_tree(r, "Makefile", true, &shared);
	ls_tree(r, "common", true, &shared);
	digest_git_blob(buf_str(&shared), shared.len, hash);
	buf_addf(&text, "%s\n", hash);
	if (s->base)
		ls_tree(r, s->base->name, false, &text);
	ls_tree(r, s->name, false, &text);
	digest_git_blob(text.data, text.len, hash);
	id->hash = xasprintf("%s%s", hash, dirty ? "-dirty" : "");
	id->revision = xstrdup(dirty ? "" : r->commit);
}

static int add_content(
	const struct workspace *w, const char *name, struct buf *text, struct err *e)
{
	_free_ char *path = fs_join(w->path, name);
	char hex[SHA256_HEX_LEN + 1];

	if (!fs_exists(AT_FDCWD, path))
		return 0;
	if ((fs_is_dir(AT_FDCWD, path) ? digest_tree(AT_FDCWD, path, hex, e)
				       : digest_file(AT_FDCWD, path, hex, NULL, e)) < 0) {
		e->code = ERR_USAGE;
		return -1;
	}
	buf_addf(text, "%s %s\n", hex, name);
	return 0;
}

static int hash_from_contents(const struct workspace *w, const struct series *s,
	struct git_identity *id, struct err *e)
{
	_buf_ struct buf text = {0};
	char hash[41];

	if (add_content(w, "Makefile", &text, e) < 0 ||
		add_content(w, "common", &text, e) < 0 ||
		(s->base && add_content(w, s->base->name, &text, e) < 0) ||
		add_content(w, s->name, &text, e) < 0)
		return -1;
	digest_git_blob(buf_str(&text), text.len, hash);
	id->hash = xstrdup(hash);
	id->revision = xstrdup("");
	return 0;
}

int git_identify(const struct workspace *w, const struct series *s,
	struct git_identity *id, struct err *e)
{
	struct repo r = {0};
	int ret = 0;

	*id = (struct git_identity){0};
	if (repo_open(&r, w->path) == 0)
		hash_from_git(&r, s, id);
	else
		ret = hash_from_contents(w, s, id, e);
	repo_close(&r);
	return ret;
}
