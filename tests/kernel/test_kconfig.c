#include <fcntl.h>
#include <stdlib.h>
#include "kernel/config_report.h"
#include "kernel/kconfig.h"
#include "orchestrator/base/fs.h"
#include "tests/kernel/kconf.h"
#include "tests/test.h"

static const struct kc_var vars[] = {{"SRCARCH", "x86"}, {NULL, NULL}};

static int read_tree(struct kconfig *kc, const char *dir, struct err *e)
{
	const char *layers[] = {dir, NULL};

	return kconfig_read(kc, layers, "Kconfig", vars, e);
}

static const struct {
	const char *text, *msg;
} bad[] = {
	{"config A\n\tbool\n\tdepends A\n", "Kconfig:3: 'depends' must go on with 'on'"},
	{"config\n", "Kconfig:1: config needs the name of a symbol"},
	{"frob X\n", "Kconfig:1: 'frob' is no word of the Kconfig language"},
	{"endif\n", "Kconfig:1: this closes nothing that is open here"},
	{"menu \"m\"\nendif\n", "Kconfig:2: this closes nothing that is open here"},
	{"\nif A\nconfig B\n\tbool\n",
		"Kconfig:2: what begins here is not closed in its file"},
	{"config A\n\tdef_bool y && (B\n", "Kconfig:2: a ')' is missing"},
	{"config A\n\tbool\n\tdepends on B &&\n",
		"Kconfig:3: a symbol or a value is missing"},
	{"config A\n\tselect \"B\"\n",
		"Kconfig:2: select and imply need the name of a symbol"},
	{"source \"no/such\"\n",
		"Kconfig:1: cannot source no/such: it is not in the tree"},
	{"source \"Kconfig\"\n",
		"Kconfig:1: cannot source Kconfig: it is not in the tree"},
};

START_TEST(refuses_with_file_and_line)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		_kconfig_ struct kconfig kc = {0};
		struct err e = {0};
		const char *dir = test_tmpdir();

		test_write(test_path("%s/Kconfig", dir), bad[i].text);
		ck_fails(read_tree(&kc, dir, &e), &e, ERR_INPUT, bad[i].msg);
	}
}
END_TEST

/* An expression, the values around it, what it is worth, and how it is written again. */
static const struct {
	const char *expr, *values;
	enum kc_tri is;
	const char *text;
} expressions[] = {
	{"A && B", "CONFIG_A=y\nCONFIG_B=m\n", KC_M, "A && B"},
	{"A || B", "CONFIG_B=m\n", KC_M, "A || B"},
	{"!A", "CONFIG_A=m\n", KC_M, "!A"},
	{"!(A&&B) || C", "CONFIG_A=y\nCONFIG_B=y\n", KC_N, "!(A && B) || C"},
	{"(A || B) && C", "CONFIG_A=y\nCONFIG_C=y\n", KC_Y, "(A || B) && C"},
	{"A = \"x y\"", "CONFIG_A=\"x y\"\n", KC_Y, "A=x y"},
	{"A != m", "CONFIG_A=m\n", KC_N, "A!=m"},
	{"A >= 100", "CONFIG_A=99\n", KC_N, "A>=100"},
	{"A < 0x20", "CONFIG_A=31\n", KC_Y, "A<0x20"},
	{"m", "", KC_N, "m"},
	{"m", "CONFIG_MODULES=y\n", KC_M, "m"},
	{"\"$(SRCARCH)\" = \"x86\"", "", KC_Y, "x86=x86"},
	{"$(cc-option,-a -b (c))", "", KC_UNKNOWN, "$(cc-option,-a -b (c))"},
	{"$(x) && A", "", KC_N, "$(x) && A"},
	{"$(x) || A", "CONFIG_A=y\n", KC_Y, "$(x) || A"},
	{"$(x) || A", "", KC_UNKNOWN, "$(x) || A"},
};

START_TEST(weighs_expressions)
{
	for (size_t i = 0; i < ARRAY_LEN(expressions); i++) {
		_kconfig_ struct kconfig kc = {0};
		_config_set_ struct config_set values = {0};
		_buf_ struct buf text = {0};
		struct err e = {0};
		const char *dir = test_tmpdir();

		test_write(test_path("%s/Kconfig", dir),
			test_path("config T\n\tbool\n\tdepends on %s\n",
				expressions[i].expr));
		ck_ok(read_tree(&kc, dir, &e), &e);
		ck_ok(config_parse(&values, expressions[i].values, "v", &e), &e);
		const struct kc_symbol *t = kconfig_find(&kc, "T");
		kc_print(t->depends, &text);
		ck_assert_str_eq(buf_str(&text), expressions[i].text);
		ck_assert_msg(kc_eval(t->depends, &values) == expressions[i].is, "%s: %d",
			expressions[i].expr, (int)kc_eval(t->depends, &values));
	}
}
END_TEST

/* Random trees: every reason that kiln gives is put to the real kconfig, by taking away
 * what the reason names and asking again. */

#define SYMBOLS 14

struct random_tree {
	bool tristate[SYMBOLS];
	int depends[SYMBOLS][2]; /* -1: none; +100: negated */
	bool either[SYMBOLS];
	int selects[SYMBOLS];
};

static int pick(int below)
{
	int other = below > 0 && rand() % 3 ? rand() % below : -1;

	return other >= 0 && rand() % 5 == 0 ? other + 100 : other;
}

static void randomize(struct random_tree *t)
{
	for (int i = 0; i < SYMBOLS; i++) {
		t->tristate[i] = rand() % 2;
		t->either[i] = rand() % 2;
		t->depends[i][0] = pick(i);
		t->depends[i][1] = t->depends[i][0] >= 0 ? pick(i) : -1;
		t->selects[i] = i + 1 < SYMBOLS && rand() % 4 == 0
					? i + 1 + rand() % (SYMBOLS - i - 1)
					: -1;
	}
}

static void add_term(struct buf *out, int term)
{
	buf_addf(out, "%sS%d", term >= 100 ? "!" : "", term % 100);
}

/* free: a symbol that depends on nothing; unforced: one that nobody selects. */
static void write_tree(
	const struct random_tree *t, int free, int unforced, const char *dir)
{
	_buf_ struct buf out = {0};

	buf_adds(&out, "config MODULES\n\tdef_bool y\n\tmodules\n");
	for (int i = 0; i < SYMBOLS; i++) {
		buf_addf(&out, "config S%d\n\t%s \"S%d\"\n", i,
			t->tristate[i] ? "tristate" : "bool", i);
		if (t->depends[i][0] >= 0 && i != free) {
			buf_adds(&out, "\tdepends on ");
			add_term(&out, t->depends[i][0]);
			if (t->depends[i][1] >= 0) {
				buf_adds(&out, t->either[i] ? " || " : " && ");
				add_term(&out, t->depends[i][1]);
			}
			buf_addc(&out, '\n');
		}
		if (t->selects[i] >= 0 && t->selects[i] != unforced)
			buf_addf(&out, "\tselect S%d\n", t->selects[i]);
	}
	test_write(test_path("%s/Kconfig", dir), buf_str(&out));
}

static void ask(const struct random_tree *t, const char *dir, struct config_set *asked)
{
	_buf_ struct buf out = {0};
	struct err e = {0};

	for (int i = 0; i < SYMBOLS; i++) {
		const char *name = test_path("S%d", i);

		config_line(&out, name,
			rand() % 3 == 0		       ? "n"
			: t->tristate[i] && rand() % 2 ? "m"
						       : "y");
	}
	test_write(test_path("%s/asked", dir), buf_str(&out));
	ck_ok(config_parse(asked, buf_str(&out), "asked", &e), &e);
}

static void answer(const char *dir, struct config_set *got)
{
	struct err e = {0};
	_buf_ struct buf out = {0};

	ck_assert_msg(
		test_sh(&out, "cd %s && rm -f .config && %s --defconfig=asked Kconfig",
			dir, kconf()) == 0,
		"%s", buf_str(&out));
	ck_ok(config_read(got, test_path("%s/.config", dir), NULL, &e), &e);
}

/* Without what is blamed, the symbol must get what was asked. */
static void confirm(const struct random_tree *t, const struct config_row *row)
{
	_config_set_ struct config_set got = {0};
	const char *dir = test_tmpdir(), *asked = test_path("%s/asked", dir);
	int symbol = atoi(row->asked->name + 1);

	write_tree(t, row->cause == CAUSE_DEPENDENCY ? symbol : -1,
		row->cause == CAUSE_SELECT ? symbol : -1, dir);
	ck_assert_int_eq(test_sh(NULL, "cp %s %s", row->asked->file, asked), 0);
	answer(dir, &got);
	ck_assert_msg(str_eq(config_value(&got, row->asked->name), row->asked->value),
		"%s=%s: kiln says %s (%s), but without that it is %s; see %s",
		row->asked->name, row->asked->value, config_cause_name(row->cause),
		row->why, config_value(&got, row->asked->name), dir);
}

START_TEST(reasons_hold_before_kconfig)
{
	unsigned confirmed = 0;

	if (!kconf_need())
		return;
	srand(7);
	for (int round = 0; round < 25; round++) {
		_config_set_ struct config_set asked = {0}, got = {0};
		_config_report_ struct config_report report = {0};
		_kconfig_ struct kconfig kc = {0};
		const char *dir = test_tmpdir();
		struct random_tree t;
		struct err e = {0};

		randomize(&t);
		write_tree(&t, -1, -1, dir);
		ask(&t, dir, &asked);
		answer(dir, &got);
		ck_ok(read_tree(&kc, dir, &e), &e);
		config_report_make(&report, &kc, "x86_64", &asked, &got);
		for (size_t i = 0; i < report.len; i++) {
			struct config_row row = report.rows[i];
			struct config_entry entry = *row.asked;

			if (row.fate == FATE_KEPT)
				continue;
			ck_assert_msg(row.cause == CAUSE_DEPENDENCY ||
					      row.cause == CAUSE_SELECT,
				"%s: %s: %s", entry.name, config_cause_name(row.cause),
				row.why);
			entry.file = test_path("%s/asked", dir);
			row.asked = &entry;
			confirm(&t, &row);
			confirmed++;
		}
	}
	/* A generator that makes no trouble would prove nothing. */
	ck_assert_uint_gt(confirmed, 50);
}
END_TEST

Suite *suite_kconfig(void);
Suite *suite_kconfig(void)
{
	Suite *s = suite_create("kconfig");

	test_case(s, "Kconfig", 120, refuses_with_file_and_line, weighs_expressions,
		reasons_hold_before_kconfig);
	return s;
}
