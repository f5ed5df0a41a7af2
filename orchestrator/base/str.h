/* str.h: growable bytes, string lists, and the few string questions parsers ask. */
#ifndef KILN_STR_H
#define KILN_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Growable bytes; data is always followed by a NUL that len does not count.
 * Starts as {0}; owned by whoever declares it (_buf_). */
struct buf {
	char *data;
	size_t len, cap;
};
#define _buf_ __attribute__((cleanup(buf_free)))
void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_reserve(struct buf *b, size_t more);
void buf_clear(struct buf *b);	    /* empties, keeps the memory */
char *buf_steal(struct buf *b);	    /* the caller frees; never NULL */
const char *buf_str(struct buf *b); /* never NULL */
void buf_free(struct buf *b);

/* A list of owned strings; items is NULL-terminated, so it serves as argv and envp. */
struct str_vec {
	char **items;
	size_t len, cap;
};
#define _str_vec_ __attribute__((cleanup(str_vec_free)))
void str_vec_add(struct str_vec *v, const char *s); /* copies */
void str_vec_addf(struct str_vec *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void str_vec_take(struct str_vec *v, char *s); /* takes ownership */
void str_vec_sort(struct str_vec *v);	       /* byte order */
bool str_vec_has(const struct str_vec *v, const char *s);
void str_vec_clear(struct str_vec *v);
void str_vec_free(struct str_vec *v);
#define STR_VEC_FOREACH(s, v)                                                            \
	for (size_t s##_i = 0; s##_i < (v)->len; s##_i++)                                \
		for (const char *s = (v)->items[s##_i], *s##_once = s; s##_once;         \
			s##_once = NULL)

bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
bool str_is_empty(const char *s); /* NULL or "" */
char *str_trim(char *s);	  /* in place; returns the first kept byte */
/* Splits at any of the bytes in seps, empty fields dropped; adds to v. */
void str_split(struct str_vec *v, const char *s, const char *seps);
/* Decimal, whole string, no sign; false on anything else or overflow. */
bool str_to_u64(const char *s, uint64_t *out);
/* "1.4 GiB", "12.0 KiB", "7 B": for people. Uses one of four static buffers in turn. */
const char *str_bytes(uint64_t bytes);
/* Escapes control bytes and non-UTF-8 as \xNN, so that a hostile name can be printed. */
char *str_printable(const char *s);
/* Compares version strings as kernel versions: digits by value, "-rcN" before release. */
int str_version_cmp(const char *a, const char *b);

/* Walks the lines of a NUL-terminated text in place. Returns the next line without its
 * "\n" (a "\r" stays), or NULL at the end; *pos starts as the text. */
char *str_next_line(char **pos);

#endif
