#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "kernel/config_edit.h"
#include "kernel/kbuild.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/json.h"
#include "sysroot/box.h"
#include "tests/kernel/kconf.h"
#include "tests/kernel/kernel_test.h"
#include "tests/test.h"

/* A tree whose make runs the real kconfig over a language that has one of everything. */
static const char makefile[] = "export SRCARCH = x86\n"
			       "export ARCH\n"
			       "%config: ; @./conf --$@ Kconfig\n"
			       "defconfig: ; @./conf --defconfig=$(DEFAULT) Kconfig\n"
			       "oldconfig: ; @./conf --oldconfig Kconfig\n";

static const char tree_kconfig[] =
	"mainmenu \"A test\"\n"
	"success = $(shell,{ $(1); } >/dev/null 2>&1 && echo y || echo n)\n"
	"cc-option = $(success,test $(1) = -fgood)\n"
	"config CC_VERSION_TEXT\n\tstring\n\tdefault \"$(shell,echo cc 12)\"\n"
	"config GCC_VERSION\n\tint\n\tdefault $(shell,echo 120200)\n"
	"config CC_HAS_GOOD\n\tdef_bool $(cc-option,-fgood)\n"
	"config CC_HAS_BAD\n\tdef_bool $(cc-option,-fbad)\n"
	"config DERIVED\n\tdef_bool y\n\tdepends on CC_HAS_BAD\n"
	"config LOCALVERSION\n\tstring \"Local version\"\n"
	"config MODULES\n\tbool \"Modules\"\n\tmodules\n"
	"config EXPERT\n\tbool \"Expert\"\n"
	"config PANIC_ON_OOPS\n\tbool \"Panic\"\n"
	"menu \"Net\"\n"
	"config NET\n\tbool \"Net\"\n"
	"if NET\n"
	"source \"drivers/$(SRCARCH)/Kconfig\"\n"
	"endif\n"
	"endmenu\n"
	"config USES_BAD\n\tbool \"Bad\"\n\tdepends on CC_HAS_BAD\n"
	"config ASKS_CC\n\tbool \"Asks\"\n\tdepends on $(cc-option,-fbad)\n"
	"config ASKS_MORE\n\tbool \"More\"\n\tdepends on CC_HAS_BAD && NET\n"
	"config WANTS_NEW\n\tbool \"New\"\n\tdepends on GCC_VERSION >= 130000\n"
	"config LIB\n\ttristate \"Lib\"\n"
	"config USER\n\ttristate \"User\"\n\tselect LIB if EXPERT\n"
	"config HIDDEN\n\tbool \"Hidden\" if EXPERT\n\tdefault y\n"
	"config COUNT\n\tint \"Count\"\n\trange 1 64\n\tdefault 8\n"
	"config AUTO\n\tbool\n"
	"config SETS_AUTO\n\tbool \"Sets\"\n\tselect AUTO\n"
	"choice\n\tprompt \"One of\"\n\tdefault ONE\n"
	"config ONE\n\tbool \"One\"\n"
	"config TWO\n\tbool \"Two\"\n"
	"config THREE\n\tbool \"Three\"\n\tdepends on EXPERT\n"
	"endchoice\n";

static const char drivers_kconfig[] =
	"config DRIVER\n\ttristate \"Driver\"\n\tdepends on EXPERT || LIB\n"
	"\thelp\n\t  config NOT_A_SYMBOL\n\n\t  Still help.\n"
	"config NIC\n\ttristate \"Nic\" # a comment\n\tdepends on DRIVER && "
	"\\\n\t\tMODULES\n";

static struct tree_test *make_tree(void)
{
	struct tree_test *t = tree_test_new();

	tree_test_write(t, "Kconfig", tree_kconfig);
	tree_test_write(t, "drivers/x86/Kconfig", drivers_kconfig);
	tree_test_write(t, t->k.arch->defconfig, "CONFIG_MODULES=y\n");
	tree_test_write(t, "Makefile",
		test_path("DEFAULT = %s\n%s", t->k.arch->defconfig, makefile));
	ck_assert_int_eq(test_sh(NULL, "cp %s %s/conf", kconf(), t->tree), 0);
	return t;
}

static bool needs(void)
{
	struct err e = {0};

	return kconf_need() && test_need("make") &&
	       test_need_that(box_probe(&e) == 0, "a box") &&
	       test_need_that(str_eq(arch_host()->name, "x86_64"), "an x86_64 host");
}

/* What an earlier run of the same test left. */
static void clear(struct tree_test *t)
{
	struct err e = {0};

	ck_ok(fs_remove(t->out, "config", &e), &e);
	ck_ok(fs_remove(t->out, "report.json", &e), &e);
	ck_ok(fs_remove(AT_FDCWD, t->k.scratch, &e), &e);
	ck_ok(fs_mkdirs(AT_FDCWD, t->k.scratch, 0755, &e), &e);
}

static int configure(
	struct tree_test *t, const char *text, enum config_drift drift, struct err *e)
{
	const char *path = test_path("%s/1.x/config-x86_64", t->dir);
	const char *files[] = {path, NULL};
	const struct config_request request = {
		.files = files, .localversion_suffix = "", .drift = drift};

	clear(t);
	ck_ok(fs_mkdirs(AT_FDCWD, test_path("%s/1.x", t->dir), 0755, e), e);
	test_write(path, text);
	return kbuild_config(&t->k, &request, t->out, e);
}

static json_t *report_of(struct tree_test *t)
{
	char *text = test_read(test_path("%s/out/report.json", t->dir));
	struct err e = {0};
	json_t *j = json_parse(text, strlen(text), "report.json", ERR_STORE, &e);

	ck_assert_msg(j, "%s", e.msg);
	free(text);
	return j;
}

static const json_t *row_of(const json_t *report, const char *symbol)
{
	const json_t *rows = json_object_get(report, "symbols");

	for (size_t i = 0; i < json_array_size(rows); i++)
		if (str_eq(json_get_string(json_array_get(rows, i), "symbol"), symbol))
			return json_array_get(rows, i);
	return NULL;
}

#define AT "1.x/config-x86_64:"

static const struct {
	const char *text, *symbol, *got, *fate, *cause, *why;
	bool breaks; /* the contract */
} cases[] = {
	{"CONFIG_NET=y\n", "NET", "y", "kept", NULL, NULL, false},
	{"# CONFIG_NET is not set\n", "NET", "n", "kept", NULL, NULL, false},
	{"# CONFIG_DRIVER is not set\n", "DRIVER", "n", "kept", NULL, NULL, false},
	{"CONFIG_GONE=y\n", "GONE", "n", "dropped", "unknown",
		"no Kconfig file of this tree defines it for x86_64", true},
	{"# CONFIG_GONE is not set\n", "GONE", "n", "kept", NULL, NULL, false},
	{"CONFIG_NET=y\nCONFIG_DRIVER=y\n", "DRIVER", "n", "dropped", "dependency",
		"needs what is not there: EXPERT is n, or LIB is n", true},
	{"CONFIG_EXPERT=y\nCONFIG_DRIVER=y\n# CONFIG_NET is not set\n", "DRIVER", "n",
		"dropped", "dependency", "needs what is not there: NET is n (" AT "3)",
		true},
	{"CONFIG_EXPERT=y\nCONFIG_DRIVER=y\nCONFIG_MODULES=y\nCONFIG_NIC=m\n", "NIC", "n",
		"dropped", "dependency",
		"needs what is not there: DRIVER is n, itself dropped (" AT
		"2), and NET is n",
		true},
	{"CONFIG_NET=y\nCONFIG_MODULES=y\nCONFIG_LIB=m\nCONFIG_DRIVER=y\n", "DRIVER", "m",
		"changed", "dependency",
		"needs what is not there: EXPERT is n, or LIB is m (" AT "3)", true},
	{"CONFIG_LIB=m\n", "LIB", "y", "changed", "dependency", "MODULES is n", true},
	{"CONFIG_EXPERT=y\nCONFIG_USER=y\n# CONFIG_LIB is not set\n", "LIB", "y",
		"changed", "select", "selected by USER (" AT "2)", true},
	{"CONFIG_EXPERT=y\nCONFIG_MODULES=y\nCONFIG_USER=y\nCONFIG_LIB=m\n", "LIB", "y",
		"changed", "select", "selected by USER (" AT "3)", true},
	{"CONFIG_USER=y\n# CONFIG_LIB is not set\n", "LIB", "n", "kept", NULL, NULL,
		false},
	{"# CONFIG_HIDDEN is not set\n", "HIDDEN", "y", "changed", "dependency",
		"its prompt is hidden, so its default counts: EXPERT is n", true},
	{"CONFIG_EXPERT=y\n# CONFIG_HIDDEN is not set\n", "HIDDEN", "n", "kept", NULL,
		NULL, false},
	{"CONFIG_COUNT=100\n", "COUNT", "64", "changed", "range",
		"the range here is 1 to 64", true},
	{"CONFIG_COUNT=64\n", "COUNT", "64", "kept", NULL, NULL, false},
	{"CONFIG_NET=m\n", "NET", "n", "dropped", "type",
		"NET is a bool, and m is no value for it", true},
	{"CONFIG_COUNT=y\n", "COUNT", "8", "changed", "type",
		"COUNT is an int, and y is no value for it", true},
	{"CONFIG_AUTO=y\n", "AUTO", "n", "dropped", "computed",
		"AUTO has no prompt, selected only by SETS_AUTO", true},
	{"CONFIG_SETS_AUTO=y\nCONFIG_AUTO=y\n", "AUTO", "y", "kept", NULL, NULL, false},
	{"CONFIG_ONE=y\nCONFIG_TWO=y\n", "ONE", "n", "dropped", "choice",
		"TWO is the one chosen (" AT "2)", true},
	{"CONFIG_THREE=y\n# CONFIG_ONE is not set\n", "THREE", "n", "dropped",
		"dependency", "needs what is not there: EXPERT is n", true},
	{"CONFIG_THREE=y\n# CONFIG_ONE is not set\n# CONFIG_TWO is not set\n", "ONE", "y",
		"changed", "choice",
		"one member of the choice at Kconfig:62 must be y, and no other was; "
		"THREE was "
		"asked for (" AT "1)",
		true},
	{"CONFIG_CC_VERSION_TEXT=\"cc 13\"\n", "CC_VERSION_TEXT", "\"cc 12\"", "changed",
		"toolchain", "what the compiler and the binutils can do decides", false},
	{"CONFIG_GCC_VERSION=130200\n", "GCC_VERSION", "120200", "changed", "toolchain",
		"what the compiler and the binutils can do decides", false},
	{"CONFIG_CC_HAS_BAD=y\n", "CC_HAS_BAD", "n", "dropped", "toolchain",
		"what the compiler and the binutils can do decides", false},
	{"CONFIG_DERIVED=y\n", "DERIVED", "n", "dropped", "toolchain",
		"what the compiler and the binutils can do decides", false},
	{"CONFIG_USES_BAD=y\n", "USES_BAD", "n", "dropped", "toolchain",
		"needs what is not there: CC_HAS_BAD is n, which the toolchain decides",
		false},
	{"CONFIG_CC_HAS_BAD=y\nCONFIG_USES_BAD=y\n", "USES_BAD", "n", "dropped",
		"toolchain",
		"needs what is not there: CC_HAS_BAD is n, itself dropped (" AT "1)",
		false},
	{"CONFIG_ASKS_CC=y\n", "ASKS_CC", "n", "dropped", "toolchain",
		"needs what is not there: $(cc-option,-fbad)", false},
	{"CONFIG_WANTS_NEW=y\n", "WANTS_NEW", "n", "dropped", "toolchain",
		"needs what is not there: GCC_VERSION>=130000 (GCC_VERSION is 120200)",
		false},
	/* What a user could change is named, though the compiler fails it too. */
	{"CONFIG_ASKS_MORE=y\n", "ASKS_MORE", "n", "dropped", "dependency",
		"needs what is not there: CC_HAS_BAD is n, which the toolchain decides, "
		"and NET "
		"is n",
		true},
	{"CONFIG_NOT_A_SYMBOL=y\n", "NOT_A_SYMBOL", "n", "dropped", "unknown",
		"no Kconfig file of this tree defines it for x86_64", true},
};

static void same(size_t i, const json_t *row, const char *key, const char *want)
{
	const char *is = json_get_string(row, key);

	ck_assert_msg(str_eq(is, want), "case %zu, %s: '%s' instead of '%s'", i, key,
		is ? is : "", want ? want : "");
}

static void check_case(struct tree_test *t, size_t i)
{
	struct err e = {0};
	int r = configure(t, cases[i].text, DRIFT_CONTRACT, &e);
	_json_ json_t *report = report_of(t);
	const json_t *row = row_of(report, cases[i].symbol);

	ck_assert_msg(row, "case %zu: no row", i);
	same(i, row, "got", cases[i].got);
	same(i, row, "fate", cases[i].fate);
	same(i, row, "cause", cases[i].cause);
	same(i, row, "why", cases[i].why);
	ck_assert_msg((r < 0) == cases[i].breaks, "case %zu: %d %s", i, r, e.msg);
	if (cases[i].breaks)
		ck_assert_int_eq(e.code, ERR_BUILD);
}

START_TEST(says_what_became_of_a_symbol)
{
	if (!needs())
		return;
	struct tree_test *t = make_tree();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_case(t, i);
	tree_test_free(t);
}
END_TEST

/* What the tree makes of "CONFIG_NET=y", in full. */
static char *complete(struct tree_test *t)
{
	struct err e = {0};
	char *text;

	ck_ok(configure(t, "CONFIG_NET=y\n", DRIFT_WARN, &e), &e);
	text = test_read(test_path("%s/out/config", t->dir));
	return text;
}

static const struct {
	const char *from, *to; /* an edit of the complete configuration */
	enum config_drift drift;
	const char *msg; /* NULL: passes */
} drifts[] = {
	{"", "", DRIFT_STRICT, NULL},
	{"\"cc 12\"", "\"cc 13\"", DRIFT_STRICT,
		"the result differs from what was asked for: 1 not kept, 0 not asked "
		"for: "
		"CONFIG_CC_VERSION_TEXT=\"cc 13\" (" AT
		"5) got \"cc 12\": what the compiler and "
		"the binutils can do decides"},
	{"\"cc 12\"", "\"cc 13\"", DRIFT_CONTRACT, NULL},
	{"CONFIG_COUNT=8\n", "", DRIFT_STRICT,
		"the result differs from what was asked for: 0 not kept, 1 not asked "
		"for, such "
		"as CONFIG_COUNT"},
	{"CONFIG_COUNT=8\n", "", DRIFT_CONTRACT, NULL},
	{"# A test\n", "# Another\n", DRIFT_STRICT,
		"the result has every value that was asked for, but other comments or "
		"another "
		"order than 1.x/config-x86_64; 'kiln config refresh' rewrites the file"},
	{"# A test\n", "# Another\n", DRIFT_CONTRACT, NULL},
	{"CONFIG_COUNT=8\n", "CONFIG_COUNT=65\nCONFIG_GONE=y\n", DRIFT_CONTRACT,
		"2 of 16 symbols asked for were not kept (--config-drift=warn builds all "
		"the "
		"same): CONFIG_COUNT=65 (" AT "22) got 64: the range here is 1 to 64; "
		"CONFIG_GONE=y (" AT
		"23) got n: no Kconfig file of this tree defines it for "
		"x86_64"},
	{"CONFIG_COUNT=8\n", "CONFIG_COUNT=65\nCONFIG_GONE=y\n", DRIFT_WARN, NULL},
};

static char *edited(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	ck_assert_msg(at, "the configuration lacks '%s':\n%s", from, text);
	return test_path("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

START_TEST(drift_has_three_modes)
{
	if (!needs())
		return;
	struct tree_test *t = make_tree();
	char *text = complete(t);
	for (size_t i = 0; i < ARRAY_LEN(drifts); i++) {
		_free_ char *asked = edited(text, drifts[i].from, drifts[i].to);
		struct err e = {0};

		if (drifts[i].msg)
			ck_fails(configure(t, asked, drifts[i].drift, &e), &e, ERR_BUILD,
				drifts[i].msg);
		else
			ck_ok(configure(t, asked, drifts[i].drift, &e), &e);
	}
	free(text);
	tree_test_free(t);
}
END_TEST

START_TEST(reports_in_words_too)
{
	if (!needs())
		return;
	struct tree_test *t = make_tree();
	struct err e = {0};

	ck_ok(configure(t, "CONFIG_GONE=y\nCONFIG_NET=y\nCONFIG_USES_BAD=y\n", DRIFT_WARN,
		      &e),
		&e);
	_free_ char *log = test_read(test_path("%s/log", t->dir));
	ck_assert_msg(
		strstr(log,
			"config: 3 symbols asked for: 1 kept, 0 changed, 2 dropped; 1 "
			"of them by the toolchain\n"
			"unknown in this version:\n"
			"  CONFIG_GONE=y (" AT "1): got n: no Kconfig file of this tree "
			"defines it for x86_64\n"
			"decided by the toolchain:\n"
			"  CONFIG_USES_BAD=y (" AT "3): got n: needs what is not there: "
			"CC_HAS_BAD is n, which the toolchain decides\n"),
		"%s", log);
	tree_test_free(t);
}
END_TEST

START_TEST(follows_the_patches)
{
	if (!needs())
		return;
	struct tree_test *t = make_tree();
	const char *layer = test_path("%s/layer", t->dir);
	struct err e = {0};

	/* A patch layer that renames NET away, as an overlay's upper directory has it. */
	ck_ok(fs_mkdirs(AT_FDCWD, layer, 0755, &e), &e);
	test_write(test_path("%s/Kconfig", layer),
		"config MODULES\n\tbool \"M\"\n\tmodules\nconfig LAN\n\tbool \"Lan\"\n");
	t->source[0] = layer;
	t->source[1] = t->tree;
	ck_ok(configure(t, "CONFIG_NET=y\nCONFIG_LAN=y\n", DRIFT_WARN, &e), &e);
	_json_ json_t *report = report_of(t);
	ck_assert_str_eq(json_get_string(row_of(report, "NET"), "cause"), "unknown");
	ck_assert_str_eq(json_get_string(row_of(report, "LAN"), "fate"), "kept");
	tree_test_free(t);
}
END_TEST

static void refresh(
	struct tree_test *t, const char *text, struct buf *renewed, struct buf *summary)
{
	const char *path = test_path("%s/config-x86_64", t->dir);
	struct err e = {0};

	clear(t);
	test_write(path, text);
	ck_ok(kbuild_config_refresh(&t->k, path, renewed, summary, &e), &e);
}

START_TEST(refresh_renews_a_whole_file)
{
	if (!needs())
		return;
	struct tree_test *t = make_tree();
	_free_ char *text = complete(t);
	_free_ char *less = edited(text, "CONFIG_COUNT=8\n", "");
	_free_ char *old =
		edited(less, "CONFIG_NET=y\n", "CONFIG_NET=y\nCONFIG_GONE=y\n");
	_buf_ struct buf renewed = {0}, summary = {0};

	refresh(t, old, &renewed, &summary);
	ck_assert_str_eq(buf_str(&renewed), text);
	ck_assert_msg(
		strstr(buf_str(&summary), "unknown in this version:\n  CONFIG_GONE=y"),
		"%s", buf_str(&summary));
	ck_assert_msg(strstr(buf_str(&summary), "new in this version: 0 off, 1 by their "
						"default:\n  CONFIG_COUNT=8\n"),
		"%s", buf_str(&summary));
	/* And once more: nothing is left to do. */
	buf_clear(&renewed);
	buf_clear(&summary);
	refresh(t, text, &renewed, &summary);
	ck_assert_str_eq(buf_str(&renewed), text);
	tree_test_free(t);
}
END_TEST

START_TEST(refresh_keeps_a_list_a_list)
{
	if (!needs())
		return;
	struct tree_test *t = make_tree();
	_buf_ struct buf renewed = {0}, summary = {0};

	refresh(t, "# the net\nCONFIG_NET=y\nCONFIG_GONE=y\n\nCONFIG_COUNT=99\n",
		&renewed, &summary);
	ck_assert_str_eq(
		buf_str(&renewed), "# the net\nCONFIG_NET=y\n\nCONFIG_COUNT=64\n");
	tree_test_free(t);
}
END_TEST

/* A menu that needs no person: its "menuconfig" switches EXPERT on and saves. */
START_TEST(menu_changes_the_last_file)
{
	if (!needs())
		return;
	struct tree_test *t = make_tree();
	const char *series = test_path("%s/a/config-x86_64", t->dir);
	const char *variant = test_path("%s/b/config-x86_64", t->dir);
	const char *files[] = {series, variant, NULL};
	const struct config_request request = {
		.files = files, .localversion_suffix = "-v"};
	_buf_ struct buf text = {0};
	struct err e = {0};

	ck_ok(fs_mkdirs(AT_FDCWD, test_path("%s/a", t->dir), 0755, &e), &e);
	ck_ok(fs_mkdirs(AT_FDCWD, test_path("%s/b", t->dir), 0755, &e), &e);
	test_write(series, "CONFIG_NET=y\nCONFIG_LOCALVERSION=\"-x\"\n");
	test_write(variant, "# mine\nCONFIG_COUNT=3\n");
	tree_test_write(t, "edit", "CONFIG_EXPERT=y\nCONFIG_COUNT=4\n");
	tree_test_write(t, "Makefile",
		test_path("DEFAULT = %s\n%s"
			  "editconfig: ; @cat edit >>.config; ./conf --olddefconfig "
			  "Kconfig\n"
			  "idleconfig: ; @true\n",
			t->k.arch->defconfig, makefile));
	/* Its terminal is the log: the test's own output stays readable. */
	ck_assert_int_ge(dup2(t->k.log, STDOUT_FILENO), 0);
	ck_assert_int_ge(dup2(t->k.log, STDERR_FILENO), 0);
	ck_assert_int_eq(kbuild_config_menu(&t->k, &request, "idleconfig", &text, &e), 0);
	clear(t);
	ck_assert_int_eq(kbuild_config_menu(&t->k, &request, "editconfig", &text, &e), 1);
	ck_assert_str_eq(buf_str(&text), "# mine\nCONFIG_COUNT=4\nCONFIG_EXPERT=y\n");
	tree_test_free(t);
}
END_TEST

Suite *suite_config(void);
Suite *suite_config(void)
{
	Suite *s = suite_create("config");

	test_case(s, "config contract", 120, says_what_became_of_a_symbol,
		drift_has_three_modes, reports_in_words_too, follows_the_patches,
		refresh_renews_a_whole_file, refresh_keeps_a_list_a_list,
		menu_changes_the_last_file);
	return s;
}
