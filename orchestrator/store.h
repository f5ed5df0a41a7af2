/* store.h: where results live, named by stage and key; they appear whole and never
 *change.
 *
 *	<store>/<stage>/<key>/		a result; its file `recipe` is the text that was
 *hashed <store>/tmp/<key>.<pid>/	out/ and scratch/ of a step at work; its lock is
 *held <store>/logs/<stage>/<key>.log	what its programs printed; .time: milliseconds it
 *took <store>/records/<target>	the steps of a target's last run and last success
 *	<store>/inputs/<sha256>		small input files, so that `why` can show what
 *changed <store>/cache/, ccache/		downloads by name or digest; compiler
 *cache
 */
#ifndef KILN_STORE_H
#define KILN_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

struct store {
	const char *path; /* absolute; the caller's */
	int fd;		  /* the directory */
	int lock; /* shared while a command uses results; gc takes it exclusively */
};

/* Opens, making what is missing. exclusive: nobody else may use it (gc), else ERR_LOCK.
 */
int store_open(struct store *s, const char *path, bool exclusive, struct err *e);
void store_close(struct store *s);
#define _store_ __attribute__((cleanup(store_close)))

bool store_has(const struct store *s, const char *stage, const char *key);
/* "<store>/<stage>/<key>"; the caller frees. */
char *store_result(const struct store *s, const char *stage, const char *key);
char *store_log(const struct store *s, const char *stage, const char *key);
/* "<store>/<name>", made if it is missing; the caller frees. NULL on error. */
char *store_dir(const struct store *s, const char *name, struct err *e);

/* The directory a step works in: <store>/tmp/<key>.<pid>/{out,scratch}. */
struct store_temp {
	char *name; /* relative to the store; owned */
	int lock;   /* of the key: another process that makes the same waits for it */
};
int store_begin(const struct store *s, const char *stage, const char *key,
	struct store_temp *t, struct err *e);
/* Writes recipe into out, syncs, renames out to its final name. */
int store_commit(const struct store *s, const char *stage, const char *key,
	const char *recipe, struct store_temp *t, struct err *e);
/* Removes what is left of the temporary directory and frees t. */
void store_end(const struct store *s, struct store_temp *t);
/* Takes a result out of the store, whole and at once: it turned out to be false. */
int store_drop(const struct store *s, const char *stage, const char *key, struct err *e);
/* Removes temporary directories of processes that are gone. */
int store_sweep(const struct store *s, struct err *e);

void store_set_time(
	const struct store *s, const char *stage, const char *key, uint64_t ms);
uint64_t store_get_time(const struct store *s, const char *stage, const char *key);
/* Keeps a copy of a small input under its digest; failing is no error. */
void store_keep_input(const struct store *s, const char *path, const char *digest);
/* Reads a kept input; false if it isn't there. */
bool store_read_input(const struct store *s, const char *digest, struct buf *out);

/* Records: kind "run" or "done"; text replaces what was there. */
int store_put_record(const struct store *s, const char *target, const char *kind,
	const char *text, struct err *e);
bool store_get_record(
	const struct store *s, const char *target, const char *kind, struct buf *out);

#endif
