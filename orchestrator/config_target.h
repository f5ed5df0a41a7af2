/* config_target.h: what kiln config does to targets: check, diff, refresh, menu. */
#ifndef KILN_CONFIG_TARGET_H
#define KILN_CONFIG_TARGET_H

#include "kernel/kbuild.h"
#include "orchestrator/session.h"

/* The request for a target's configuration; files (empty before) holds its list. */
void config_target_request(
	const struct target *t, struct str_vec *files, struct config_request *request);

/* Text of the finished configuration of the one target that word and selection name, from
 * the store, or made now. */
int config_target_text(const struct options *global, const struct selection *selection,
	const char *word, struct buf *text, struct err *e);

/* One command each, argv[0] being its verb. orchestrator/cmd_config_*.c */
int config_check(
	const struct options *global, int argc, char **argv, int *status, struct err *e);
int config_compare(
	const struct options *global, int argc, char **argv, int *status, struct err *e);
int config_refresh(
	const struct options *global, int argc, char **argv, int *status, struct err *e);
int config_menu(
	const struct options *global, int argc, char **argv, int *status, struct err *e);

/* Calls visit for each word with a session on its targets: all architectures that have a
 * config file, unless the selection names some. Without words: every series that isn't
 * deprecated. */
typedef int config_visit_fn(struct session *s, void *arg, struct err *e);
int config_each(const struct options *global, const struct selection *selection,
	int count, char **words, config_visit_fn *visit, void *arg, struct err *e);

/* A box on a target's patched tree, outside any step. */
struct config_work {
	struct session *session;
	struct store_temp temp;
	struct step_run run;
	struct kbuild k;
	const char *source[3];
	char *scratch;
	int log;
};
int config_work_open(
	struct config_work *w, struct session *s, const struct target *t, struct err *e);
void config_work_close(struct config_work *w);
#define _config_work_ __attribute__((cleanup(config_work_close)))

#endif
