#include <endian.h>
#include <fcntl.h>
#include <string.h>
#include "orchestrator/base/fs.h"
#include "tests/kernel/kernel_test.h"
#include "tests/kernel/ucode_release.h"
#include "tests/test.h"

static void put(struct buf *b, uint32_t value)
{
	value = htole32(value);
	buf_add(b, &value, sizeof(value));
}

static uint32_t sum(const char *bytes, size_t len)
{
	uint32_t total = 0, value;

	for (size_t i = 0; i < len; i += sizeof(value)) {
		memcpy(&value, bytes + i, sizeof(value));
		total += le32toh(value);
	}
	return total;
}

/* Makes the words from start on sum up to 0 by the one at word. */
static void seal(struct buf *b, size_t start, size_t word)
{
	uint32_t rest = htole32(-sum(b->data + start, b->len - start));

	memcpy(b->data + start + word * sizeof(rest), &rest, sizeof(rest));
}

void ucode_update_make(struct buf *b, const struct ucode_update *m)
{
	size_t start = b->len, data = m->data ? m->data : 2000;
	size_t table = m->more ? 32 : 0;
	uint32_t checksum;
	const uint32_t header[12] = {1, m->revision, m->date, m->signature, 0, 1,
		m->flags, m->data, m->data ? (uint32_t)(48 + data + table) : 0};

	for (size_t i = 0; i < ARRAY_LEN(header); i++)
		put(b, header[i]);
	for (size_t i = 0; i < data / 4; i++)
		put(b, m->signature * 31 + m->revision + (uint32_t)i);
	seal(b, start, 4);
	if (!table)
		return;
	memcpy(&checksum, b->data + start + 16, sizeof(checksum));
	start = b->len;
	put(b, 1);
	for (int i = 0; i < 4; i++)
		put(b, 0);
	put(b, m->more);
	put(b, m->flags);
	put(b, m->signature - m->more + le32toh(checksum));
	seal(b, start, 1);
}

static void add(
	const char *release, const char *name, const struct ucode_update *list, size_t n)
{
	_buf_ struct buf b = {0};
	struct err e = {0};

	for (size_t i = 0; i < n; i++)
		ucode_update_make(&b, &list[i]);
	ck_ok(fs_publish(AT_FDCWD, kept_path("%s/intel-ucode/%s", release, name), b.data,
		      b.len, 0644, &e),
		&e);
}

const char *ucode_release_make(void)
{
	static const struct ucode_update pentium = {0x0f29, 4, 0x2e, 0x08112004, 0, 0};
	static const struct ucode_update xeon[] = {
		{0x806f4, 0x10, 0x2c000390, 0x06072024, 4048, 0},
		{0x806f8, 0x87, 0x2b000603, 0x11122024, 2992, 0x806f7}};
	static const struct ucode_update older[] = {
		{0x806f8, 0x87, 0x2b000590, 0x02052024, 2992, 0x806f7},
		{0x806f8, 0x10, 0x2c000390, 0x02052024, 3024, 0}};
	static const struct ucode_update client[] = {
		{0xb0671, 0x32, 0x12b, 0x09262024, 976, 0},
		{0xb0671, 0x32, 0x80000001, 0x12312024, 976, 0}};
	const char *dir = kept_path("%s/release", test_tmpdir());

	ck_assert_int_eq(
		test_sh(NULL,
			"mkdir -p %s/intel-ucode %s/intel-ucode-with-caveats && "
			"echo terms >%s/license && echo notes >%s/releasenote.md && "
			"echo no update >%s/intel-ucode/README && "
			"echo neither >%s/intel-ucode/06-4f-01.initramfs",
			dir, dir, dir, dir, dir, dir),
		0);
	add(dir, "0f-02-09", &pentium, 1);
	add(dir, "06-8f-04", xeon, ARRAY_LEN(xeon));
	add(dir, "06-8f-08", older, ARRAY_LEN(older));
	add(dir, "06-b7-01", client, ARRAY_LEN(client));
	return dir;
}
