/* depmod.h: the indexes of a module directory, byte for byte as kmod's depmod has them.
 */
#ifndef KILN_DEPMOD_H
#define KILN_DEPMOD_H

#include <stdbool.h>
#include "orchestrator/base/err.h"

/* Levels of messages, numbered as syslog numbers them. */
enum depmod_level {
	DEPMOD_FATAL = 2,
	DEPMOD_ERROR = 3,
	DEPMOD_WARNING = 4,
	DEPMOD_NOTICE = 5,
	DEPMOD_INFO = 6,
	DEPMOD_SHOW = 8, /* not a message: goes to stdout as it is */
};

/* Whose bytes: what kmod releases differ in is in this one table (depmod_compat.c). */
struct depmod_compat {
	int version;		   /* "--compat 30" */
	bool parents_first;	   /* a .bin index holds a node before its children */
	bool weakdep;		   /* modules.weakdep is written */
	bool first_order_wins;	   /* of two equal lines in modules.order */
	bool outdir;		   /* -o and -m are there */
	int no_symbols;		   /* errno of a module that exports nothing */
	const char *const *config; /* where depmod.d is looked for */
};
/* The row for a kmod release (the newest row that is not newer), or NULL. */
const struct depmod_compat *depmod_compat_find(const char *version);
/* What is matched when nothing is asked. */
const struct depmod_compat *depmod_compat_default(void);

struct depmod_options {
	const struct depmod_compat *compat; /* NULL: the default */
	const char *dir;     /* module directory: <base>/lib/modules/<release> */
	const char *release; /* what override and external lines are matched with */
	const char
		*out_path; /* directory that gets the indexes, made where missing; or */
	int out_fd;	   /* that directory open (out_path NULL) */
	bool show;	   /* the text indexes go to stdout, nothing is written */
	/* Files and directories of depmod.d, NULL-ended; NULL: none. */
	const char *const *config;
	const char *const *modules; /* absolute paths, NULL-ended; NULL: all below dir */
	const char *symvers;	    /* Module.symvers, or NULL */
	const char *system_map;	    /* or NULL */
	char symbol_prefix;	    /* or '\0' */
	bool print_unknown;	    /* -e */
	bool warn_duplicates;	    /* -w */
	int level;		    /* messages up to this level are said */
	bool strict;	  /* after a message of DEPMOD_ERROR nothing is published */
	unsigned workers; /* processes that read modules; 0: one per processor */
	/* Gets each message, as kmod words it, usually with a newline at its end. */
	void (*say)(void *arg, int level, const char *text);
	void *say_arg;
};

/* Does it. -1 with e when there are no (new) indexes; e->code is ERR_NONE where a
 * message of level DEPMOD_ERROR has said the whole reason already (a cycle). Forks its
 * readers: the caller must be single-threaded. */
int depmod_run(const struct depmod_options *options, struct err *e);

/* Whether dir/modules.dep is as new as every module below dir: 1, 0, or -1 where that
 * can't be told; problems go to say as above. */
int depmod_up_to_date(const struct depmod_options *options);

#endif
