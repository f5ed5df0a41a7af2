/* err.h: the one error object, by value on the caller's stack and passed last. */
#ifndef KILN_ERR_H
#define KILN_ERR_H

/* The codes are kiln's exit status; docs/ARCHITECTURE.md lists them. */
enum err_code {
	ERR_NONE = 0,
	ERR_INTERNAL = 1,
	ERR_USAGE = 2,	/* command line or workspace */
	ERR_VERIFY = 3, /* hash or signature */
	ERR_NETWORK = 4,
	ERR_IO = 5, /* space or I/O */
	ERR_LOCK = 6,
	ERR_BOX = 7,	/* this host can't make a box */
	ERR_BUILD = 8,	/* the foreign build failed */
	ERR_REPRO = 9,	/* not reproducible */
	ERR_STORE = 10, /* store or layout damaged */
	ERR_INPUT = 11, /* archive or patch refused */
	ERR_INTERRUPT = 130,
	ERR_TERMINATED = 143,
};

struct err {
	int code;	/* enum err_code; 0 until something failed */
	char msg[2048]; /* one sentence: what, where, what to do; no newline at the end */
};

/* All of these return -1, so that a failing branch is one statement. */

/* Starts a new error, replacing what e held. */
int err_set(struct err *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* As err_set with ERR_IO, and ": " and the text of errno behind. */
int err_sys(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Puts context and ": " before an error that is already set; the code stays. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Adds a hint behind an error: " (hint)". */
int err_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
