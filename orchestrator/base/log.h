/* log.h: what kiln says to people while it works; never its results or its errors. */
#ifndef KILN_LOG_H
#define KILN_LOG_H

enum log_level { LOG_QUIET, LOG_NORMAL, LOG_VERBOSE };

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* To stderr, a line each; the newline is added. */
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_verbose(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "warning: ..." also when quiet. */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Progress of one long action inside a step: done of total (0: unknown), in bytes or in
 * pieces. A step's process writes it to the fd that log_set_progress gave; the run loop
 * draws it. Without such an fd nothing happens. Cheap: at most 10 times a second. */
void log_set_progress(int fd);
void log_progress(const char *what, unsigned long long done, unsigned long long total);

#endif
