#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "kernel/microcode.h"
#include "orchestrator/base/mem.h"

enum {
	HEADER_SIZE = 48,
	TABLE_HEADER = 20, /* of the table of further signatures */
	TABLE_ENTRY = 12,
	UNIT = 1024,	 /* updates are as large as some of these */
	OLD_DATA = 2000, /* what a data size of 0 stands for */
	ALIGNMENT = 16,
	CPIO_HEADER = 110,
	CPIO_PAD = 4,
};

/* Words of an update's header. */
enum word {
	WORD_HEADER_VERSION,
	WORD_REVISION,
	WORD_DATE, /* binary coded decimal, mmddyyyy */
	WORD_SIGNATURE,
	WORD_CHECKSUM,
	WORD_LOADER,
	WORD_FLAGS,
	WORD_DATA_SIZE,
	WORD_TOTAL_SIZE,
};

struct update {
	unsigned char *bytes; /* owned */
	size_t size;
};
struct microcode {
	struct update *updates;
	size_t count;
};

struct microcode *microcode_new(void)
{
	return xcalloc(1, sizeof(struct microcode));
}

void microcode_free(struct microcode *m)
{
	for (size_t i = 0; m && i < m->count; i++)
		free(m->updates[i].bytes);
	if (m)
		free(m->updates);
	free(m);
}

static uint32_t word_at(const unsigned char *bytes, size_t word)
{
	uint32_t value;

	memcpy(&value, bytes + word * sizeof(value), sizeof(value));
	return le32toh(value);
}

static uint32_t sum(const unsigned char *bytes, size_t size)
{
	uint32_t total = 0;

	for (size_t i = 0; i < size / sizeof(total); i++)
		total += word_at(bytes, i);
	return total;
}

/* An update is as large as its header says, or as all were before headers said it. */
static void sizes(const unsigned char *header, size_t *data, size_t *total)
{
	*data = word_at(header, WORD_DATA_SIZE);
	*total = word_at(header, WORD_TOTAL_SIZE);
	if (!*data) {
		*data = OLD_DATA;
		*total = OLD_DATA + HEADER_SIZE;
	}
}

/* The table of further signatures behind the data, which has a checksum of its own. */
static const char *table_fault(const unsigned char *update, size_t data, size_t total)
{
	const unsigned char *table = update + HEADER_SIZE + data;
	size_t size = total - HEADER_SIZE - data;

	if (!size)
		return NULL;
	if (size < TABLE_HEADER || (size - TABLE_HEADER) % TABLE_ENTRY ||
		(size - TABLE_HEADER) / TABLE_ENTRY != word_at(table, 0))
		return "its table of signatures has another size than it says";
	if (sum(table, size))
		return "the checksum of its table of signatures is wrong";
	/* An entry's checksum is what the header's would be with the entry in it. */
	for (size_t at = TABLE_HEADER; at < size; at += TABLE_ENTRY)
		if (sum(table + at, TABLE_ENTRY) !=
			word_at(update, WORD_SIGNATURE) + word_at(update, WORD_FLAGS) +
				word_at(update, WORD_CHECKSUM))
			return "the checksum of another signature is wrong";
	return NULL;
}

/* What is wrong with the update that begins here, or NULL; its size. */
static const char *fault(const unsigned char *update, size_t left, size_t *total)
{
	size_t data;

	if (left < HEADER_SIZE)
		return "the file ends in a header";
	if (word_at(update, WORD_HEADER_VERSION) != 1 ||
		word_at(update, WORD_LOADER) != 1)
		return "no header of an Intel microcode update";
	sizes(update, &data, total);
	if (data % sizeof(uint32_t) || *total % UNIT || *total < HEADER_SIZE + data)
		return "its sizes contradict each other";
	if (*total > left)
		return "the file ends in an update";
	if (sum(update, HEADER_SIZE + data))
		return "its checksum is wrong";
	return table_fault(update, data, *total);
}

static void add_update(struct microcode *m, const unsigned char *bytes, size_t size)
{
	struct update *u;

	m->updates = xrealloc(m->updates, (m->count + 1) * sizeof(*m->updates));
	u = &m->updates[m->count++];
	*u = (struct update){.bytes = xmalloc(size), .size = size};
	memcpy(u->bytes, bytes, size);
}

int microcode_add(struct microcode *m, const char *name, const void *data, size_t len,
	struct err *e)
{
	const unsigned char *bytes = data;

	for (size_t at = 0, size; at < len; at += size) {
		const char *wrong = fault(bytes + at, len - at, &size);

		if (wrong)
			return err_set(e, ERR_INPUT, "%s: the update at byte %zu: %s",
				name, at, wrong);
		add_update(m, bytes + at, size);
	}
	return len ? 0 : err_set(e, ERR_INPUT, "%s is empty", name);
}

static int compare(const struct update *a, const struct update *b, enum word word)
{
	uint32_t x = word_at(a->bytes, word), y = word_at(b->bytes, word);

	return x < y ? -1 : x > y;
}

/* In iucode_tool's order, so that the archives can be compared. */
static int by_processor(const struct update *a, const struct update *b)
{
	int order = compare(a, b, WORD_SIGNATURE);

	return order ? order : compare(b, a, WORD_FLAGS);
}

/* Of one processor the newest revision first; it is a signed number, and negative ones
 * are not for customers. The bytes decide the rest, so that the order of adding doesn't.
 */
static int by_age(const void *left, const void *right)
{
	const struct update *a = left, *b = right;
	int32_t x = (int32_t)word_at(a->bytes, WORD_REVISION);
	int32_t y = (int32_t)word_at(b->bytes, WORD_REVISION);
	int order = by_processor(a, b);

	if (!order)
		order = x > y ? -1 : x < y;
	if (!order)
		order = a->size < b->size ? -1 : a->size > b->size;
	return order ? order : memcmp(a->bytes, b->bytes, a->size);
}

void microcode_settle(struct microcode *m)
{
	size_t kept = 0;

	if (!m->count)
		return;
	qsort(m->updates, m->count, sizeof(*m->updates), by_age);
	for (size_t i = 1; i < m->count; i++) {
		if (by_processor(&m->updates[i], &m->updates[kept]))
			m->updates[++kept] = m->updates[i];
		else
			free(m->updates[i].bytes);
	}
	m->count = kept + 1;
}

size_t microcode_count(const struct microcode *m)
{
	return m->count;
}

/* 0x12 is twelve. */
static unsigned decimal(uint32_t coded)
{
	unsigned value = 0;

	for (int digit = 7; digit >= 0; digit--)
		value = value * 10 + (coded >> (4 * digit) & 0xf);
	return value;
}

unsigned microcode_newest(const struct microcode *m)
{
	unsigned newest = 0;

	for (size_t i = 0; i < m->count; i++) {
		uint32_t coded = word_at(m->updates[i].bytes, WORD_DATE);
		unsigned date = decimal(coded & 0xffff) * 10000 + decimal(coded >> 16);

		newest = date > newest ? date : newest;
	}
	return newest;
}

static void pad_to(struct buf *out, size_t start, size_t alignment)
{
	while ((out->len - start) % alignment)
		buf_add(out, "", 1);
}

/* A member's header and name; name_size counts the NULs behind the name. */
static void add_header(struct buf *out, size_t start, unsigned ino, mode_t mode,
	const char *name, size_t name_size, size_t size)
{
	size_t len = strlen(name);

	buf_addf(out, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", ino,
		(unsigned)mode, 0, 0, S_ISDIR(mode) ? 2 : 1, 0, (unsigned)size, 0, 0, 0,
		0, (unsigned)name_size, 0);
	buf_add(out, name, len);
	for (; len < name_size; len++)
		buf_add(out, "", 1);
	pad_to(out, start, CPIO_PAD);
}

void microcode_cpio(const struct microcode *m, struct buf *out)
{
	static const char *const dirs[] = {
		"kernel", "kernel/x86", "kernel/x86/microcode"};
	static const char file[] = "kernel/x86/microcode/GenuineIntel.bin";
	size_t start = out->len, size = 0, name_size = sizeof(file);
	unsigned ino = 1;

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		add_header(out, start, ino++, S_IFDIR | 0755, dirs[i],
			strlen(dirs[i]) + 1, 0);
	for (size_t i = 0; i < m->count; i++)
		size += m->updates[i].size;
	/* More NULs behind the name, until the data is where it has to be. */
	while ((out->len - start + CPIO_HEADER + name_size) % ALIGNMENT)
		name_size++;
	add_header(out, start, ino, S_IFREG | 0644, file, name_size, size);
	for (size_t i = 0; i < m->count; i++)
		buf_add(out, m->updates[i].bytes, m->updates[i].size);
	pad_to(out, start, CPIO_PAD);
	add_header(out, start, 0, 0, "TRAILER!!!", sizeof("TRAILER!!!"), 0);
}
