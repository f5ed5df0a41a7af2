/* why.h: what differs between a target's last build and its plan. */
#ifndef KILN_WHY_H
#define KILN_WHY_H

#include "orchestrator/session.h"

/* Writes the target's name and a line for each cause: a field that reads otherwise, a
 * file that was added, removed or changed (with the lines, where the old file was kept),
 * a new version of a stage. A need that moved is no cause of its own: its own causes are
 * named once, with the stages that have to run for them. "nothing changed" if so. */
void why_target(const struct session *s, size_t target, struct buf *out);

#endif
