#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "tests/base/tarmaker.h"
#include "tests/test.h"

#define BLOCK 512

static void pad(struct buf *tar)
{
	static const char zeros[BLOCK];

	buf_add(tar, zeros, (BLOCK - tar->len % BLOCK) % BLOCK);
}

void tarmaker_sum(struct buf *tar, size_t at)
{
	unsigned sum = 0;

	memset(tar->data + at + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)tar->data[at + i];
	snprintf(tar->data + at + 148, 8, "%06o", sum);
	tar->data[at + 155] = ' ';
}

static void put(char *field, size_t room, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	memcpy(field, text ? text : "", len < room ? len : room);
}

void tarmaker_add(struct buf *tar, const struct tarmaker_member *m)
{
	char header[BLOCK] = {0};
	size_t at = tar->len;

	put(header, 100, m->name);
	snprintf(header + 100, 8, "%07o", m->mode ? m->mode : 0644);
	snprintf(header + 108, 8, "%07o", 0);
	snprintf(header + 116, 8, "%07o", 0);
	snprintf(header + 124, 13, "%012llo", m->size ? m->size : m->len);
	snprintf(header + 136, 12, "%011o", 1700000000u);
	header[156] = m->type;
	put(header + 157, 100, m->link);
	put(header + 257, 8, "ustar  ");
	buf_add(tar, header, sizeof(header));
	tarmaker_sum(tar, at);
	buf_add(tar, m->data ? m->data : "", m->len);
	pad(tar);
}

void tarmaker_file(struct buf *tar, const char *name, const char *data)
{
	struct tarmaker_member m = {
		.type = '0', .name = name, .data = data, .len = strlen(data)};

	tarmaker_add(tar, &m);
}

void tarmaker_dir(struct buf *tar, const char *name)
{
	struct tarmaker_member m = {.type = '5', .name = name, .mode = 0755};

	tarmaker_add(tar, &m);
}

void tarmaker_link(struct buf *tar, char type, const char *name, const char *target)
{
	struct tarmaker_member m = {
		.type = type, .name = name, .link = target, .mode = 0777};

	tarmaker_add(tar, &m);
}

void tarmaker_long(struct buf *tar, char type, const char *text)
{
	struct tarmaker_member m = {.type = type,
		.name = "././@LongLink",
		.data = text,
		.len = strlen(text) + 1};

	tarmaker_add(tar, &m);
}

void tarmaker_pax(struct buf *tar, const char *key, const char *value)
{
	_buf_ struct buf record = {0};
	struct tarmaker_member m = {.type = 'x', .name = "pax"};
	size_t len = strlen(key) + strlen(value) + 3, digits = 1;

	/* The number counts itself. */
	while (snprintf(NULL, 0, "%zu", len + digits) != (int)digits)
		digits++;
	buf_addf(&record, "%zu %s=%s\n", len + digits, key, value);
	m.data = record.data;
	m.len = record.len;
	tarmaker_add(tar, &m);
}

void tarmaker_end(struct buf *tar)
{
	static const char zeros[2 * BLOCK];

	buf_add(tar, zeros, sizeof(zeros));
}

void tarmaker_filter(struct buf *tar, const char *command)
{
	_free_ char *in = test_path("%s/in", test_tmpdir());
	struct err e = {0};

	ck_ok(fs_publish(AT_FDCWD, in, tar->data, tar->len, 0644, &e), &e);
	buf_clear(tar);
	ck_assert_int_eq(test_sh(tar, "cat %s | %s", in, command), 0);
}
