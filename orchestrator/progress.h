/* progress.h: shows people (or a program) what the run loop does. */
#ifndef KILN_PROGRESS_H
#define KILN_PROGRESS_H

#include "orchestrator/options.h"
#include "orchestrator/plan.h"

/* One running step, as the display knows it. */
struct progress_row {
	const struct step *step;
	uint64_t started_ms; /* monotonic */
	char what[128];	     /* from log_progress, or the last line of its log */
	unsigned long long done, total;
};

struct progress_view {
	enum progress how;
	size_t finished, all;
	unsigned lines; /* drawn on the terminal, to be drawn over */
};

void progress_open(struct progress_view *v, enum progress how, size_t all);
void progress_started(struct progress_view *v, const struct step *step);
void progress_ended(struct progress_view *v, const struct step *step, uint64_t ms,
	const char *failure);
/* Redraws the terminal's rows; nothing for the other kinds. */
void progress_draw(struct progress_view *v, const struct progress_row *rows, size_t count,
	uint64_t now);
void progress_clear(struct progress_view *v);

#endif
