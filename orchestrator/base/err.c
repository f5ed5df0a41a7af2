#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "orchestrator/base/err.h"

int err_set(struct err *e, int code, const char *fmt, ...)
{
	char msg[sizeof(e->msg)]; /* the arguments may point into e */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	e->code = code;
	memcpy(e->msg, msg, sizeof(msg));
	return -1;
}

int err_sys(struct err *e, const char *fmt, ...)
{
	int saved = errno;
	char msg[sizeof(e->msg)];
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	len = strlen(msg);
	snprintf(msg + len, sizeof(msg) - len, ": %s", strerror(saved));
	e->code = ERR_IO;
	memcpy(e->msg, msg, sizeof(msg));
	errno = saved;
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char msg[sizeof(e->msg)];
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	len = strlen(msg);
	snprintf(msg + len, sizeof(msg) - len, ": %s", e->msg);
	memcpy(e->msg, msg, sizeof(msg));
	return -1;
}

int err_hint(struct err *e, const char *fmt, ...)
{
	size_t len = strlen(e->msg);
	char hint[sizeof(e->msg)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(hint, sizeof(hint), fmt, ap);
	va_end(ap);
	snprintf(e->msg + len, sizeof(e->msg) - len, " (%s)", hint);
	return -1;
}
