#include "kernel/warnings.h"
#include "tests/test.h"

/* Lists are written as their lines. */
static const struct {
	const char *what, *before, *now;
	unsigned count; /* of now */
	const char *fresh;
	unsigned gone;
} cases[] = {
	{"nothing", "", "  CC      lib/warning.o\nwarning: no place\n", 0, "", 0},
	{"the same", "a.c:1:2: warning: w\n", "a.c:1:2: warning: w\n", 1, "", 0},
	{"the first", "", "  CC a.o\na.c: In function 'f':\na.c:1:2: warning: w\n", 1,
		"a.c:1:2: warning: w\n", 0},
	{"only moved", "a.c:1:2: warning: w\n", "a.c:30:4: warning: w\n", 1, "", 0},
	{"another file", "a.c:1:2: warning: w\n", "b.c:1:2: warning: w\n", 1,
		"b.c:1:2: warning: w\n", 1},
	{"another message", "a.c:1:2: warning: w\n", "a.c:1:2: warning: v\n", 1,
		"a.c:1:2: warning: v\n", 1},
	/* The one that stayed where it was is the old one. */
	{"a second one above", "a.c:9:2: warning: w\n",
		"a.c:1:2: warning: w\na.c:9:2: warning: w\n", 2, "a.c:1:2: warning: w\n",
		0},
	{"one of two went", "a.c:1:2: warning: w\na.c:9:2: warning: w\n",
		"a.c:8:2: warning: w\n", 1, "", 1},
	/* -j prints in any order, and a header in every file that takes it in. */
	{"order and headers",
		"b.h:1:1: warning: h\na.c:2:2: warning: w\nb.h:1:1: warning: h\n",
		"a.c:2:2: warning: w\nb.h:1:1: warning: h\n", 2, "", 0},
	{"no column", "ld: warning: x\na.lds:7: warning: y\n",
		"ld: warning: x\na.lds:8: warning: y\n", 2, "", 0},
	{"objtool's offsets", "vmlinux.o: warning: objtool: f+0x1c: unreachable\n",
		"vmlinux.o: warning: objtool: f+0x2: unreachable\n"
		"vmlinux.o: warning: objtool: g+0x2: unreachable\n",
		2, "vmlinux.o: warning: objtool: g+0x2: unreachable\n", 0},
	{"modpost", "",
		"WARNING: modpost: vmlinux.o: section mismatch in reference: f (section: "
		".text) -> g\n",
		1,
		"WARNING: modpost: vmlinux.o: section mismatch in reference: f (section: "
		".text) -> g\n",
		0},
	{"the assembler's temporary files", "/tmp/ccXOz8GA.s:12: Warning: no size\n",
		"/tmp/ccm4sz9N.s:13: Warning: no size\n", 1, "", 0},
	{"make's own", "", "make[2]: warning: jobserver unavailable: using -j1.\n", 0, "",
		0},
};

static void join(const struct str_vec *lines, struct buf *out)
{
	STR_VEC_FOREACH (line, lines)
		buf_addf(out, "%s\n", line);
}

START_TEST(new_ones_are_told_from_old_ones)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_str_vec_ struct str_vec before = {0}, now = {0}, fresh = {0};
		_buf_ struct buf text = {0};
		size_t gone;

		warnings_read(cases[i].before, &before);
		warnings_read(cases[i].now, &now);
		gone = warnings_compare(&now, &before, &fresh);
		join(&fresh, &text);
		ck_assert_msg(now.len == cases[i].count, "%s: %zu warnings",
			cases[i].what, now.len);
		ck_assert_msg(str_eq(buf_str(&text), cases[i].fresh), "%s: new are %s",
			cases[i].what, buf_str(&text));
		ck_assert_msg(gone == cases[i].gone, "%s: %zu gone", cases[i].what, gone);
	}
}
END_TEST

Suite *suite_warnings(void);
Suite *suite_warnings(void)
{
	Suite *s = suite_create("warnings");

	test_case(s, "compare", 10, new_ones_are_told_from_old_ones);
	return s;
}
