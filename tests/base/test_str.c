#include <stdlib.h>
#include "tests/test.h"

START_TEST(buf_grows)
{
	_buf_ struct buf b = {0};

	ck_assert_str_eq(buf_str(&b), "");
	for (int i = 0; i < 1000; i++)
		buf_addf(&b, "%d,", i);
	ck_assert_uint_eq(b.len, 10 * 2 + 90 * 3 + 900 * 4);
	ck_assert_uint_eq(strlen(b.data), b.len);
	buf_clear(&b);
	buf_addf(&b, "%0300d", 7);
	ck_assert_uint_eq(b.len, 300);
}
END_TEST

START_TEST(printable)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"plain", "plain"},
		{"a\nb\x1b[0m", "a\\x0ab\\x1b[0m"},
		{"grün", "grün"},
		{"\xff\xfe", "\\xff\\xfe"},
		{"\xc0\xaf", "\\xc0\\xaf"},	     /* overlong slash */
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* surrogate */
		{"\xc2\x85", "\\xc2\\x85"},	     /* C1 control */
		{"cut\xe2\x82", "cut\\xe2\\x82"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_free_ char *got = str_printable(rows[i].in);

		ck_assert_str_eq(got, rows[i].out);
	}
}
END_TEST

START_TEST(version_order)
{
	static const char *const sorted[] = {"5.4", "6.1", "6.1.2", "6.1.10", "6.12-rc2",
		"6.12-rc10", "6.12", "6.12.1", "6.12.59"};

	for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
		for (size_t j = 0; j < ARRAY_LEN(sorted); j++) {
			int got = str_version_cmp(sorted[i], sorted[j]);

			ck_assert_int_eq((got > 0) - (got < 0), (i > j) - (i < j));
		}
}
END_TEST

START_TEST(numbers)
{
	uint64_t v = 0;

	ck_assert(str_to_u64("18446744073709551615", &v) && v == UINT64_MAX);
	ck_assert(!str_to_u64("18446744073709551616", &v));
	ck_assert(!str_to_u64("", &v) && !str_to_u64("-1", &v) && !str_to_u64("1x", &v));
	ck_assert_str_eq(str_bytes(1023), "1023 B");
	ck_assert_str_eq(str_bytes(1536), "1.5 KiB");
	ck_assert_str_eq(str_bytes(1610612736), "1.5 GiB");
}
END_TEST

START_TEST(lines_and_fields)
{
	char text[] = "one\n\ntwo\r\nlast", *pos = text;
	char trimmed[] = "  a b \t";
	_str_vec_ struct str_vec v = {0};

	ck_assert_str_eq(str_next_line(&pos), "one");
	ck_assert_str_eq(str_next_line(&pos), "");
	ck_assert_str_eq(str_next_line(&pos), "two\r");
	ck_assert_str_eq(str_next_line(&pos), "last");
	ck_assert_ptr_null(str_next_line(&pos));
	ck_assert_str_eq(str_trim(trimmed), "a b");
	str_split(&v, ":a::b:c", ":");
	ck_assert_uint_eq(v.len, 3);
	ck_assert_str_eq(v.items[2], "c");
	ck_assert_ptr_null(v.items[3]);
}
END_TEST

START_TEST(arena_keeps)
{
	_arena_ struct arena a = {0};
	char *first = arena_strdup(&a, "first");

	for (int i = 0; i < 10000; i++)
		arena_printf(&a, "%d", i);
	ck_assert_ptr_nonnull(arena_alloc(&a, 1 << 20));
	ck_assert_str_eq(first, "first");
}
END_TEST

Suite *suite_str(void);
Suite *suite_str(void)
{
	Suite *s = suite_create("str");

	test_case(s, "str", 4, buf_grows, printable, version_order, numbers,
		lines_and_fields, arena_keeps);
	return s;
}
