/* terminal.h: code under test on a terminal of its own, with somebody typing. */
#ifndef KILN_TEST_TERMINAL_H
#define KILN_TEST_TERMINAL_H

#include "orchestrator/base/str.h"

/* Runs fn in a child that leads a session on a new terminal, as from a login, with typed
 * as its input; all that the terminal shows is added to out. Returns fn's result as an
 * exit status, 128 + signal, or 99 if afterwards the foreground isn't the child's any
 * more. */
int test_on_terminal(int (*fn)(void *arg), void *arg, const char *typed, struct buf *out);

#endif
