/* depmod_read.c: every module is read, by as many processes as there are processors.
 * Processes, not threads: libkmod's mappings and allocations don't wait for each other,
 * and a module that makes libkmod crash costs its own record, not the run. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/depmod_internal.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/proc.h"

#define MAX_WORKERS 32
#define NO_MODULE   UINT32_MAX
#define CANT_WRITE  100 /* a worker's exit status; a sanitizer's are others */

/* Shared by all: the next module to take, and who has which. */
struct board {
	_Atomic uint32_t next;
	_Atomic uint32_t current[MAX_WORKERS];
};

struct crew {
	struct depmod *d;
	struct board *board;
	uint32_t *order; /* in which modules are taken */
	unsigned size;
	struct {
		pid_t pid;
		int fd; /* memory file: whole records, one behind the other */
	} workers[MAX_WORKERS];
};

static void crew_free(struct crew *c)
{
	for (unsigned i = 0; i < c->size; i++)
		mem_close_ptr(&c->workers[i].fd);
	if (c->board)
		munmap(c->board, sizeof(*c->board));
	mem_free_ptr(&c->order);
}
#define _crew_ __attribute__((cleanup(crew_free)))

/* What libkmod prints on its way down (an assertion) would tear through the messages. */
static void be_quiet(void)
{
	struct rlimit none = {0, 0};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0)
		dup2(null, STDERR_FILENO);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* A worker's life. Runs after fork in a process that had one thread. */
static int work(const struct crew *c, unsigned id)
{
	struct depmod_reader *r = depmod_reader_new(c->d->options);
	struct err e = {0};

	for (;;) {
		uint32_t at = atomic_fetch_add(&c->board->next, 1);
		const struct depmod_record *record;
		size_t len;

		if (at >= c->d->n_mods)
			return 0;
		at = c->order[at];
		atomic_store(&c->board->current[id], at);
		record = depmod_reader_read(r, c->d->mods[at]->path, at, &len);
		if (fs_write_all(c->workers[id].fd, record, len, &e) < 0)
			return CANT_WRITE;
		atomic_store(&c->board->current[id], NO_MODULE);
	}
}

static int start(struct crew *c, unsigned id, struct err *e)
{
	atomic_store(&c->board->current[id], NO_MODULE);
	c->workers[id].pid = fork();
	if (c->workers[id].pid < 0)
		return err_sys(e, "can't start a process to read modules");
	if (c->workers[id].pid == 0) {
		be_quiet();
		_exit(work(c, id));
	}
	return 0;
}

/* A worker that died left its record unfinished; the module counts as unreadable. The
 * write of a record can't be cut short by a crash: libkmod is not in it. */
static int write_broken(struct crew *c, unsigned id, uint32_t module, struct err *e)
{
	struct depmod_reader *r = depmod_reader_new(c->d->options);
	size_t len;
	const struct depmod_record *record =
		depmod_reader_broken(r, module, EINVAL, &len);
	int ret = fs_write_all(c->workers[id].fd, record, len, e);

	depmod_reader_free(r);
	return ret;
}

static int finish(struct crew *c, unsigned id, struct err *e)
{
	for (;;) {
		struct proc_end end;
		uint32_t module;

		if (proc_wait(c->workers[id].pid, &end, e) < 0)
			return -1;
		if (proc_ok(&end))
			return 0;
		module = atomic_load(&c->board->current[id]);
		if (module == NO_MODULE || end.status == CANT_WRITE)
			return err_set(e, ERR_IO,
				"a process that read modules ended early: %s",
				proc_describe(&end));
		if (write_broken(c, id, module, e) < 0 || start(c, id, e) < 0)
			return -1;
	}
}

/* Makes the records of one worker available in place. */
static int map_records(struct crew *c, unsigned id, struct err *e)
{
	struct depmod *d = c->d;
	struct depmod_mapping *m = arena_alloc(&d->arena, sizeof(*m));
	struct stat st;

	if (fstat(c->workers[id].fd, &st) < 0)
		return err_sys(e, "can't read what was read in the modules");
	if (st.st_size == 0)
		return 0;
	m->len = (size_t)st.st_size;
	m->at = mmap(
		NULL, m->len, PROT_READ, MAP_SHARED | MAP_POPULATE, c->workers[id].fd, 0);
	if (m->at == MAP_FAILED)
		return err_sys(e, "can't map what was read in the modules");
	m->next = d->mappings;
	d->mappings = m;
	for (const char *p = m->at, *end = p + m->len; p < end;) {
		const struct depmod_record *r = (const void *)p;

		d->mods[r->module]->record = r;
		p = record_text(r, &(struct depmod_item){.name = r->text_len});
	}
	return 0;
}

struct sized {
	off_t size;
	uint32_t module;
};

static int largest_first(const void *pa, const void *pb)
{
	const struct sized *a = pa, *b = pb;

	if (a->size != b->size)
		return a->size > b->size ? -1 : 1;
	return a->module < b->module ? -1 : a->module > b->module;
}

/* Unpacking takes as long as the module is large: the largest go first, so that no
 * worker is left with one while the others are done. Plain modules cost about the same.
 */
static void set_order(struct crew *c)
{
	struct depmod *d = c->d;
	_free_ struct sized *sized = xcalloc(d->n_mods, sizeof(*sized));
	bool packed = false;

	c->order = xcalloc(d->n_mods, sizeof(*c->order));
	for (uint32_t i = 0; i < d->n_mods; i++) {
		struct stat st;

		sized[i].module = i;
		if (str_ends(d->mods[i]->path, ".ko"))
			continue;
		packed = true;
		if (stat(d->mods[i]->path, &st) == 0)
			sized[i].size = st.st_size;
	}
	if (packed)
		qsort(sized, d->n_mods, sizeof(*sized), largest_first);
	for (size_t i = 0; i < d->n_mods; i++)
		c->order[i] = sized[i].module;
}

static unsigned crew_size(const struct depmod *d)
{
	unsigned n = d->options->workers;
	cpu_set_t cpus;

	if (!n)
		n = sched_getaffinity(0, sizeof(cpus), &cpus) == 0
			    ? (unsigned)CPU_COUNT(&cpus)
			    : 1;
	if (n > d->n_mods / 8 + 1)
		n = (unsigned)(d->n_mods / 8 + 1);
	return n < MAX_WORKERS ? n : MAX_WORKERS;
}

int depmod_read(struct depmod *d, struct err *e)
{
	_crew_ struct crew c = {.d = d};
	unsigned size = crew_size(d), started;
	struct err first = {0};
	int ret = 0;

	c.board = mmap(NULL, sizeof(*c.board), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c.board == MAP_FAILED) {
		c.board = NULL;
		return err_sys(e, "can't share memory");
	}
	set_order(&c);
	for (; c.size < size; c.size++) {
		c.workers[c.size].fd = memfd_create("modules", MFD_CLOEXEC);
		if (c.workers[c.size].fd < 0)
			return err_sys(e, "can't make a memory file");
	}
	for (started = 0; started < size && ret == 0; started++)
		ret = start(&c, started, e);
	if (ret < 0) { /* the others have nothing left to do */
		atomic_store(&c.board->next, (uint32_t)d->n_mods);
		started--;
	}
	for (unsigned i = 0; i < started; i++)
		if (finish(&c, i, ret < 0 ? &first : e) < 0)
			ret = -1;
	for (unsigned i = 0; i < size && ret == 0; i++)
		ret = map_records(&c, i, e);
	return ret;
}
