/* mem.h: allocation that can't fail, owned by the declaration, or by an arena. */
#ifndef KILN_MEM_H
#define KILN_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <dirent.h>

/* Running out of memory aborts the process: no caller can do better. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size); /* zeroed */
void *xrealloc(void *ptr, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A resource is released where it was declared:
 *	_free_ char *name = ...;   _close_ int fd = -1;   _fclose_ FILE *f = ...;
 * and leaves its scope only by steal() or steal_fd(). */
void mem_free_ptr(void *ptr_to_ptr);
void mem_close_ptr(int *fd);
void mem_fclose_ptr(FILE **f);
void mem_closedir_ptr(DIR **d);
#define _free_	   __attribute__((cleanup(mem_free_ptr)))
#define _close_	   __attribute__((cleanup(mem_close_ptr)))
#define _fclose_   __attribute__((cleanup(mem_fclose_ptr)))
#define _closedir_ __attribute__((cleanup(mem_closedir_ptr)))

#define steal(ptr)                                                                       \
	__extension__({                                                                  \
		__typeof__(ptr) taken_ = (ptr);                                          \
		(ptr) = NULL;                                                            \
		taken_;                                                                  \
	})
int steal_fd(int *fd); /* returns *fd and leaves -1 */

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* An arena: what a parser makes lives until the arena is freed. */
struct arena {
	struct arena_block *head;
};
#define _arena_ __attribute__((cleanup(arena_free)))
void *arena_alloc(struct arena *a, size_t size); /* zeroed, aligned for any type */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void arena_free(struct arena *a);

#endif
