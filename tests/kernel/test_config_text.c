#include <fcntl.h>
#include "kernel/config_diff.h"
#include "kernel/config_edit.h"
#include "kernel/config_merge.h"
#include "kernel/config_repro.h"
#include "orchestrator/base/fs.h"
#include "tests/test.h"

static const struct {
	const char *text, *name, *value; /* what name is worth behind text */
} good[] = {
	{"CONFIG_A=y\n", "A", "y"},
	{"CONFIG_A=m", "A", "m"},
	{"# CONFIG_A is not set\n", "A", "n"},
	{"CONFIG_A=n\n", "A", "n"},
	{"CONFIG_A=y\nCONFIG_A=m\n", "A", "m"},
	{"CONFIG_A=y\n# CONFIG_A is not set\n", "A", "n"},
	{"CONFIG_A=y\r\n", "A", "y"},
	{"CONFIG_A=0x1f\n", "A", "0x1f"},
	{"CONFIG_A=-3\n", "A", "-3"},
	{"CONFIG_A=\"\"\n", "A", "\"\""},
	{"CONFIG_A=\"a \\\"b\\\" # c\"\n", "A", "\"a \\\"b\\\" # c\""},
	{"\n# a comment\n#\n# CONFIG_A=y\n", "A", "n"},
	{"# CONFIG_A is not set yet\n", "A", "n"},
	{"CONFIG_64BIT=y\nCONFIG_8139TOO=m\n", "8139TOO", "m"},
	{"", "A", "n"},
};

START_TEST(reads_values)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		_config_set_ struct config_set set = {0};
		struct err e = {0};

		ck_ok(config_parse(&set, good[i].text, "f", &e), &e);
		ck_assert_str_eq(config_value(&set, good[i].name), good[i].value);
	}
}
END_TEST

#define NO_ASSIGNMENT                                                                    \
	" is not an assignment; write CONFIG_NAME=value or '# CONFIG_NAME is not set'"
#define NO_VALUE ": the value must be y, m, n, a number or a \"quoted string\""

static const struct {
	const char *text, *msg;
} bad[] = {
	{"CONFIG_A=y\nFOO=y\n", "f:2: 'FOO=y'" NO_ASSIGNMENT},
	{"CONFIG_=y\n", "f:1: 'CONFIG_=y'" NO_ASSIGNMENT},
	{"CONFIG_A\n", "f:1: 'CONFIG_A'" NO_ASSIGNMENT},
	{"CONFIG_A =y\n", "f:1: 'CONFIG_A =y'" NO_ASSIGNMENT},
	{"<<<<<<< HEAD\n", "f:1: '<<<<<<< HEAD'" NO_ASSIGNMENT},
	{"\n\nCONFIG_A=\n", "f:3: 'CONFIG_A='" NO_VALUE},
	{"CONFIG_A=yes\n", "f:1: 'CONFIG_A=yes'" NO_VALUE},
	{"CONFIG_A=\"open\n", "f:1: 'CONFIG_A=\"open'" NO_VALUE},
	{"CONFIG_A=\"a\" b\n", "f:1: 'CONFIG_A=\"a\" b'" NO_VALUE},
	{"CONFIG_A=0xfg\n", "f:1: 'CONFIG_A=0xfg'" NO_VALUE},
	{"CONFIG_A=\033[31m\n", "f:1: 'CONFIG_A=\\x1b[31m'" NO_VALUE},
};

START_TEST(refuses_what_is_no_config)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		_config_set_ struct config_set set = {0};
		struct err e = {0};

		ck_fails(config_parse(&set, bad[i].text, "f", &e), &e, ERR_USAGE,
			bad[i].msg);
	}
}
END_TEST

START_TEST(keeps_place_and_what_was_before)
{
	_config_set_ struct config_set set = {0};
	struct err e = {0};

	ck_ok(config_parse(&set, "# c\nCONFIG_A=y\n", "one", &e), &e);
	ck_ok(config_parse(&set, "CONFIG_B=y\n# CONFIG_A is not set\n", "two", &e), &e);
	const struct config_entry *a = config_find(&set, "A");
	ck_assert_str_eq(a->file, "two");
	ck_assert_uint_eq(a->line, 2);
	ck_assert_str_eq(a->before->file, "one");
	ck_assert_uint_eq(a->before->line, 2);
	ck_assert_str_eq(a->before->value, "y");
	ck_assert_ptr_null(config_find(&set, "C"));
	ck_assert_uint_eq(set.len, 2);
}
END_TEST

START_TEST(holds_many_symbols)
{
	_config_set_ struct config_set set = {0};

	for (unsigned i = 0; i < 20000; i++) {
		_free_ char *name = test_path("S%u", i), *value = test_path("%u", i);

		config_put(&set, name, value, "f", i);
	}
	ck_assert_uint_eq(set.len, 20000);
	ck_assert_str_eq(config_value(&set, "S0"), "0");
	ck_assert_str_eq(config_value(&set, "S19999"), "19999");
	ck_assert_ptr_null(config_find(&set, "S20000"));
}
END_TEST

/* The files of a request, and the text that they become. */
static const struct {
	const char *files[3], *suffix;
	bool debug;
	const char *text;
} merges[] = {
	{{"CONFIG_LOCALVERSION=\"-linuxkit\"\nCONFIG_A=y\n"}, "", false,
		"CONFIG_LOCALVERSION=\"-linuxkit\"\nCONFIG_A=y\n"},
	{{"CONFIG_LOCALVERSION=\"-linuxkit\"\n", "CONFIG_A=y\n"}, "-rt-dbg", false,
		"CONFIG_LOCALVERSION=\"-linuxkit-rt-dbg\"\nCONFIG_A=y\n"},
	{{"CONFIG_LOCALVERSION=\"\"\n"}, "-x", false, "CONFIG_LOCALVERSION=\"-x\"\n"},
	{{"CONFIG_LOCALVERSION=\"-a\"\n", "CONFIG_LOCALVERSION=\"-b\"\n"}, "-x", false,
		"CONFIG_LOCALVERSION=\"-a-x\"\nCONFIG_LOCALVERSION=\"-b-x\"\n"},
	{{"CONFIG_A=y"}, "-x", false, "CONFIG_A=y\nCONFIG_LOCALVERSION=\"-x\"\n"},
	{{"CONFIG_A=y"}, "", false, "CONFIG_A=y\n"},
	{{"CONFIG_PANIC_ON_OOPS=y\n", "CONFIG_D=y\n"}, "", true,
		"# CONFIG_PANIC_ON_OOPS is not set\nCONFIG_D=y\n"},
	{{"CONFIG_PANIC_ON_OOPS=y\n", "CONFIG_PANIC_ON_OOPS=y\n"}, "", true,
		"# CONFIG_PANIC_ON_OOPS is not set\nCONFIG_PANIC_ON_OOPS=y\n"},
	{{"CONFIG_PANIC_ON_OOPS=y\n", "CONFIG_D=y\n"}, "", false,
		"CONFIG_PANIC_ON_OOPS=y\nCONFIG_D=y\n"},
	{{"", "CONFIG_A=y\n"}, "", false, "CONFIG_A=y\n"},
};

static const char *const *write_files(const char *const *texts)
{
	static const char *paths[4];
	const char *dir = test_tmpdir();

	memset(paths, 0, sizeof(paths));
	for (size_t i = 0; i < 3 && texts[i]; i++) {
		paths[i] = test_path("%s/file-%zu", dir, i);
		test_write(paths[i], texts[i]);
	}
	return paths;
}

START_TEST(merges_as_linuxkit_does)
{
	for (size_t i = 0; i < ARRAY_LEN(merges); i++) {
		_config_set_ struct config_set asked = {0};
		_buf_ struct buf text = {0};
		struct err e = {0};
		const struct config_request request = {
			.files = write_files(merges[i].files),
			.localversion_suffix = merges[i].suffix,
			.debug = merges[i].debug,
		};

		ck_ok(config_merge(&request, &text, &asked, &e), &e);
		ck_assert_str_eq(buf_str(&text), merges[i].text);
	}
}
END_TEST

START_TEST(never_takes_a_default_for_a_missing_file)
{
	const char *files[] = {test_path("%s/config-x86_64", test_tmpdir()), NULL};
	const struct config_request request = {.files = files};
	const char *none[] = {NULL};
	const struct config_request empty = {.files = none};
	_config_set_ struct config_set asked = {0};
	_buf_ struct buf text = {0};
	struct err e = {0};

	ck_fails(config_merge(&request, &text, &asked, &e), &e, ERR_USAGE,
		test_path(
			"there is no %s; the kernel's own default is never used instead: "
			"add the file, or build another architecture",
			files[0]));
	ck_fails(config_merge(&empty, &text, &asked, &e), &e, ERR_USAGE,
		"no config file was given for this target");
}
END_TEST

START_TEST(names_what_makes_builds_differ)
{
	static const char *const texts[3] = {
		"CONFIG_MODULE_SIG=y\n# CONFIG_IKHEADERS is not set\nCONFIG_A=y\n",
		"CONFIG_RANDSTRUCT_FULL=y\nCONFIG_GCC_PLUGIN_LATENT_ENTROPY=y\n"};
	const struct config_request request = {.files = write_files(texts)};
	_str_vec_ struct str_vec lines = {0};
	struct err e = {0};

	ck_ok(config_nondeterminism(&request, &lines, &e), &e);
	ck_assert_uint_eq(lines.len, 3);
	ck_assert(strstr(lines.items[0], "CONFIG_MODULE_SIG=y ("));
	ck_assert(strstr(lines.items[0], "file-0:1): "));
	ck_assert(strstr(lines.items[1], "CONFIG_RANDSTRUCT_FULL=y"));
	ck_assert(strstr(lines.items[2], "file-1:2): "));
}
END_TEST

START_TEST(signing_needs_a_key)
{
	static const char *const signs[3] = {
		"CONFIG_A=y\n", "CONFIG_B=y\nCONFIG_MODULE_SIG=y\n"};
	/* The later file decides. */
	static const char *const plain[3] = {
		"CONFIG_MODULE_SIG=y\n", "# CONFIG_MODULE_SIG is not set\n"};
	struct config_request request = {.files = write_files(signs)};
	struct err e = {0};

	ck_assert_int_eq(config_without_key(&request, &e), -1);
	ck_assert_int_eq(e.code, ERR_USAGE);
	ck_assert(strstr(e.msg, "file-1:2: CONFIG_MODULE_SIG=y needs a signing key"));
	request.files = write_files(plain);
	ck_ok(config_without_key(&request, &e), &e);
}
END_TEST

static void parse(struct config_set *set, const char *text)
{
	struct err e = {0};

	ck_ok(config_parse(set, text, "f", &e), &e);
}

START_TEST(diff_names_each_symbol_once)
{
	_config_set_ struct config_set a = {0}, b = {0};
	_buf_ struct buf out = {0};

	parse(&a, "CONFIG_Z=y\nCONFIG_SAME=m\nCONFIG_B=\"x\"\n# CONFIG_OFF is not set\n");
	parse(&b, "CONFIG_B=\"y\"\nCONFIG_SAME=m\nCONFIG_NEW=3\n");
	ck_assert_uint_eq(config_diff(&a, &b, &out), 3);
	ck_assert_str_eq(
		buf_str(&out), " CONFIG_B=\"x\" -> \"y\"\n+CONFIG_NEW=3\n-CONFIG_Z=y\n");
	buf_clear(&out);
	ck_assert_uint_eq(config_diff(&b, &b, &out), 0);
	ck_assert_str_eq(buf_str(&out), "");
}
END_TEST

START_TEST(split_joins_again)
{
	static const char *const texts[] = {
		"CONFIG_A=y\nCONFIG_B=m\nCONFIG_S=\"q\"\n# CONFIG_N is not set\n",
		"CONFIG_B=m\nCONFIG_A=y\n# CONFIG_S is not set\n# CONFIG_N is not set\n",
		"CONFIG_A=y\nCONFIG_B=y\nCONFIG_X=0x10\n# CONFIG_N is not set\n",
	};
	struct config_set sets[3] = {{{0}, 0, 0, 0, 0, 0}};
	const struct config_set *list[] = {&sets[0], &sets[1], &sets[2]};
	_buf_ struct buf common = {0};
	struct buf parts[3] = {{0, 0, 0}};

	for (size_t i = 0; i < 3; i++)
		parse(&sets[i], texts[i]);
	config_split(list, 3, &common, parts);
	ck_assert_str_eq(buf_str(&common), "CONFIG_A=y\n# CONFIG_N is not set\n");
	for (size_t i = 0; i < 3; i++) {
		_config_set_ struct config_set joined = {0};
		_buf_ struct buf out = {0};

		parse(&joined, buf_str(&common));
		parse(&joined, buf_str(&parts[i]));
		ck_assert_uint_eq(config_diff(&sets[i], &joined, &out), 0);
		ck_assert_uint_eq(joined.len, sets[i].len);
		buf_free(&parts[i]);
	}
	for (size_t i = 0; i < 3; i++)
		config_set_free(&sets[i]);
}
END_TEST

/* A file, what a configuration was and became, and the file as it should be then. */
static const struct {
	const char *text, *before, *after;
	bool append;
	const char *want;
	size_t count;
} edits[] = {
	{"# why\nCONFIG_A=y\n\nCONFIG_B=m\n", "CONFIG_A=y\nCONFIG_B=m\n",
		"CONFIG_A=y\nCONFIG_B=y\n", false, "# why\nCONFIG_A=y\n\nCONFIG_B=y\n",
		1},
	{"CONFIG_A=y\nCONFIG_B=m", "CONFIG_A=y\nCONFIG_B=m\n", "CONFIG_B=m\n", false,
		"CONFIG_B=m\n", 1},
	{"CONFIG_A=y\n", "CONFIG_A=y\n", "# CONFIG_A is not set\n", false,
		"# CONFIG_A is not set\n", 1},
	{"# CONFIG_A is not set\n", "# CONFIG_A is not set\n", "CONFIG_A=3\n", false,
		"CONFIG_A=3\n", 1},
	{"# CONFIG_A is not set\n", "# CONFIG_A is not set\n", "", false,
		"# CONFIG_A is not set\n", 0},
	{"CONFIG_A=y\n", "CONFIG_A=y\n", "CONFIG_A=y\nCONFIG_N=y\n", false,
		"CONFIG_A=y\n", 0},
	{"CONFIG_A=y\n", "CONFIG_A=y\nCONFIG_O=y\n", "CONFIG_A=y\nCONFIG_N=\"s\"\n", true,
		"CONFIG_A=y\nCONFIG_N=\"s\"\n# CONFIG_O is not set\n", 2},
	{"", "", "CONFIG_N=y\n", true, "CONFIG_N=y\n", 1},
};

START_TEST(edits_keep_the_form_of_a_file)
{
	for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
		_config_set_ struct config_set before = {0}, after = {0};
		_buf_ struct buf out = {0};

		parse(&before, edits[i].before);
		parse(&after, edits[i].after);
		ck_assert_uint_eq(config_apply(edits[i].text, &before, &after,
					  edits[i].append, &out),
			edits[i].count);
		ck_assert_str_eq(buf_str(&out), edits[i].want);
	}
}
END_TEST

START_TEST(commands_compare_and_split_files)
{
	static const char *const texts[3] = {"CONFIG_A=y\nCONFIG_B=y\n", "CONFIG_A=y\n"};
	const char *const *paths = write_files(texts);
	const char *dir = test_path("%s/parts", test_tmpdir());
	_buf_ struct buf out = {0};

	ck_assert_int_eq(test_kiln(&out, (const char *[]){"config", "diff", paths[0],
						 paths[1], NULL}),
		1);
	ck_assert_str_eq(buf_str(&out), "-CONFIG_B=y\n");
	ck_assert_int_eq(test_kiln(&out, (const char *[]){"config", "diff", paths[0],
						 paths[0], NULL}),
		0);
	ck_assert_int_eq(test_kiln(&out, (const char *[]){"config", "split", "-d", dir,
						 paths[0], paths[1], NULL}),
		0);
	ck_assert_str_eq(test_read(test_path("%s/common", dir)), "CONFIG_A=y\n");
	ck_assert_str_eq(test_read(test_path("%s/file-0", dir)), "CONFIG_B=y\n");
	ck_assert_str_eq(test_read(test_path("%s/file-1", dir)), "");
	/* Never over what is there. */
	ck_assert_int_eq(test_kiln(&out, (const char *[]){"config", "split", "-d", dir,
						 paths[0], paths[1], NULL}),
		ERR_USAGE);
	ck_assert_str_eq(buf_str(&out),
		test_path("kiln: %s/common exists; give another -d DIR\n", dir));
}
END_TEST

Suite *suite_config_text(void);
Suite *suite_config_text(void)
{
	Suite *s = suite_create("config_text");

	test_case(s, "config files", 20, reads_values, refuses_what_is_no_config,
		keeps_place_and_what_was_before, holds_many_symbols);
	test_case(s, "config merge", 20, merges_as_linuxkit_does,
		never_takes_a_default_for_a_missing_file, names_what_makes_builds_differ,
		signing_needs_a_key);
	test_case(s, "config diff", 20, diff_names_each_symbol_once, split_joins_again,
		edits_keep_the_form_of_a_file, commands_compare_and_split_files);
	return s;
}
