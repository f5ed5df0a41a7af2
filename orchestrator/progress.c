#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "orchestrator/base/json.h"
#include "orchestrator/base/log.h"
#include "orchestrator/progress.h"

void progress_open(struct progress_view *v, enum progress how, size_t all)
{
	if (how == PROGRESS_AUTO)
		how = isatty(STDERR_FILENO) ? PROGRESS_TTY : PROGRESS_PLAIN;
	*v = (struct progress_view){.how = how, .all = all};
}

static void event(
	const char *name, const struct step *step, uint64_t ms, const char *failure)
{
	_json_ json_t *j = json_pack("{s:s, s:s, s:s, s:s}", "event", name, "stage",
		step->stage->name, "target", step->label, "key", step->key);
	_buf_ struct buf text = {0};

	if (!str_eq(name, "start"))
		json_object_set_new(j, "ms", json_integer((json_int_t)ms));
	if (failure)
		json_object_set_new(j, "error", json_string(failure));
	json_dump(j, &text);
	fprintf(stderr, "%s\n", buf_str(&text));
}

/* Source, tree and the like serve many targets: their label names one of them. */
void progress_started(struct progress_view *v, const struct step *step)
{
	if (v->how == PROGRESS_JSON)
		event("start", step, 0, NULL);
	else if (v->how == PROGRESS_PLAIN)
		log_info("[%zu/%zu] %s: %s", v->finished + 1, v->all, step->label,
			step->stage->noun);
}

void progress_ended(struct progress_view *v, const struct step *step, uint64_t ms,
	const char *failure)
{
	v->finished++;
	if (v->how == PROGRESS_JSON) {
		event(failure ? "failed" : "done", step, ms, failure);
		return;
	}
	if (v->how == PROGRESS_TTY)
		progress_clear(v);
	log_info("[%zu/%zu] %s: %s: %s after %llu.%llu s", v->finished, v->all,
		step->label, step->stage->noun, failure ? "failed" : "done",
		(unsigned long long)(ms / 1000), (unsigned long long)(ms % 1000 / 100));
}

void progress_clear(struct progress_view *v)
{
	if (v->how != PROGRESS_TTY || !v->lines)
		return;
	fprintf(stderr, "\033[%uA\033[J", v->lines);
	v->lines = 0;
}

/* "linux-6.1.176.tar.xz [==        ] 23% of 131.9 MiB, 4.1 MiB/s, 25 s left"; "" when
 * nothing is known. */
static void describe(const struct progress_row *row, uint64_t seconds, struct buf *out)
{
	if (*row->what)
		buf_adds(out, row->what);
	if (!row->total || row->done > row->total)
		return;
	int tenths = (int)(row->done * 10 / row->total);

	buf_addf(out, " [%.*s%.*s] %llu%%", tenths, "==========", 10 - tenths,
		"          ", row->done * 100 / row->total);
	if (row->total > 1 << 20) /* bytes */
		buf_addf(out, " of %s", str_bytes(row->total));
	if (row->total > 1 << 20 && seconds)
		buf_addf(out, ", %s/s", str_bytes(row->done / seconds));
	if (row->done && seconds > 2)
		buf_addf(out, ", %llu s left",
			(unsigned long long)(seconds * (row->total - row->done) /
					     row->done));
}

void progress_draw(struct progress_view *v, const struct progress_row *rows, size_t count,
	uint64_t now)
{
	struct winsize size = {.ws_col = 80};
	_buf_ struct buf screen = {0};

	if (v->how != PROGRESS_TTY || log_get_level() == LOG_QUIET)
		return;
	ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
	if (v->lines)
		buf_addf(&screen, "\033[%uA\033[J", v->lines);
	for (size_t i = 0; i < count; i++) {
		uint64_t seconds = (now - rows[i].started_ms) / 1000;
		_buf_ struct buf line = {0};

		buf_addf(&line, "  %3llu s  %s: %s  ", (unsigned long long)seconds,
			rows[i].step->label, rows[i].step->stage->noun);
		describe(&rows[i], seconds, &line);
		buf_addf(&screen, "%.*s\n", size.ws_col > 1 ? size.ws_col - 1 : 79,
			line.data);
	}
	v->lines = (unsigned)count;
	fputs(buf_str(&screen), stderr);
	fflush(stderr);
}
