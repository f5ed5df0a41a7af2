#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/source.h"
#include "orchestrator/base/digest.h"
#include "orchestrator/base/download.h"
#include "orchestrator/base/fs.h"
#include "tests/base/fault_server.h"
#include "tests/base/pgp_keys.h"
#include "tests/kernel/kernel_org.h"
#include "tests/test.h"

static struct kernel_org org;
static bool have_org;

static void setup(void)
{
	have_org = proc_in_path("gpg") && proc_in_path("xz");
	if (have_org)
		kernel_org_make(&org);
}

static void teardown(void)
{
	if (have_org)
		kernel_org_free(&org);
}

static const struct download_timing hasty = {
	.connect_ms = 2000,
	.stall_seconds = 5,
	.stall_bytes = 10,
	.backoff_ms = 1,
	.longest_wait_ms = 2000,
};

/* One fetch and unpack with directories of its own. */
struct trial {
	struct source_spec spec;
	const char *mirrors[4];
	bool offline;
	char *cache, *fetched, *unpacked; /* made where NULL */
	struct err e;
	struct source_info info;
};

static void trial_free(struct trial *t)
{
	free(t->cache);
	free(t->fetched);
	free(t->unpacked);
	source_info_free(&t->info);
}
#define _trial_ __attribute__((cleanup(trial_free)))

static void trial_dirs(struct trial *t)
{
	char **dirs[] = {&t->cache, &t->fetched, &t->unpacked};
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (!*dirs[i])
			*dirs[i] = xstrdup(test_tmpdir());
	if (!t->spec.keys)
		t->spec.keys = org.keys;
	download_set_timing(&hasty);
}

static int trial_fetch(struct trial *t)
{
	trial_dirs(t);
	struct source_env env = {
		.cache = t->cache, .mirrors = t->mirrors, .offline = t->offline};
	_close_ int out = fs_open_dir(AT_FDCWD, t->fetched, &t->e);
	return source_fetch(&t->spec, &env, out, &t->e);
}

static int trial_run(struct trial *t)
{
	if (trial_fetch(t))
		return -1;
	_close_ int out = fs_open_dir(AT_FDCWD, t->unpacked, &t->e);
	if (source_unpack(&t->spec, t->fetched, out, &t->e))
		return -1;
	return source_info_read(t->unpacked, &t->info, &t->e);
}

static char *mirror_of(const char *dir)
{
	return test_path("file://%s", dir);
}

/* A copy of the mirror that a test may spoil. */
static char *spoiled(const char *how)
{
	_buf_ struct buf out = {0};
	char *dir = xstrdup(test_tmpdir());
	int status = test_sh(&out,
		"cp -a '%s/.' '%s' && cd '%s' && g() { gpg --batch --yes --quiet \"$@\"; "
		"} && "
		"sums() { (cd v6.x && sha256sum *.tar.xz > list && g \"$@\" --output "
		"sha256sums.asc --clearsign list && rm list); } && %s",
		org.dir, dir, dir, how);
	ck_assert_msg(status == 0, "%s: %s", how, buf_str(&out));
	return dir;
}

static bool ready(void)
{
	return test_need("gpg") && test_need("gpgv") && test_need("xz");
}

START_TEST(fetch_and_unpack)
{
	if (!ready())
		return;
	_free_ char *mirror = mirror_of(org.dir);
	_trial_ struct trial t = {
		.spec = {.version = "6.1.9", .rt = "6.1.9-rt3"}, .mirrors = {mirror}};
	_buf_ struct buf out = {0};
	ck_ok(trial_run(&t), &t.e);
	ck_assert_str_eq(t.info.version, "6.1.9");
	ck_assert_str_eq(t.info.url,
		"https://www.kernel.org/pub/linux/kernel/v6.x/linux-6.1.9.tar.xz");
	ck_assert_int_eq(t.info.date, 1700000123);
	/* Four proofs, by role. */
	ck_assert_int_eq(test_sh(&out,
				 "printf '%%s' '%s' | tr ';' '\\n' | sed "
				 "'s/[0-9A-F]\\{40\\}/FPR/; "
				 "s/^ //'",
				 t.info.proof),
		0);
	ck_assert_str_eq(out.data,
		"linux-6.1.9.tar.xz: sha256sums.asc signed by FPR (auto "
		"<auto@test.invalid>)\n"
		"patches-6.1.9-rt3.tar.xz: sha256sums.asc signed by FPR (auto "
		"<auto@test.invalid>)\n"
		"linux.tar.sign by FPR (dev <dev@test.invalid>)\n"
		"patches.tar.sign by FPR (dev <dev@test.invalid>)");
	/* The tree is what tar makes of it, and the queue is in its own order. */
	buf_clear(&out);
	ck_assert_int_eq(
		test_sh(&out,
			"cd '%s' && mkdir oracle && tar xf '%s/v6.x/linux-6.1.9.tar.xz' "
			"-C oracle --strip-components=1 && diff -r --no-dereference "
			"oracle "
			"tree && stat -c %%Y tree/kernel/x.c && stat -c %%a "
			"tree/scripts/run && cat queue/series",
			t.unpacked, org.dir),
		0);
	ck_assert_str_eq(out.data, "1700000123\n755\nb.patch\na.patch\n");
}
END_TEST

START_TEST(never_twice)
{
	if (!ready())
		return;
	unsigned port = fault_server_start(org.dir);
	_free_ char *mirror = test_path("http://127.0.0.1:%u/www", port);
	_trial_ struct trial t = {
		.spec = {.version = "6.1.9", .rt = "6.1.9-rt3"}, .mirrors = {mirror}};
	ck_ok(trial_run(&t), &t.e);
	ck_assert_uint_eq(fault_server_requests(), 6);
	/* Without the network, from what the first left. */
	_trial_ struct trial again = {.spec = t.spec,
		.mirrors = {mirror},
		.offline = true,
		.cache = xstrdup(t.cache)};
	fault_server_reset();
	ck_ok(trial_run(&again), &again.e);
	ck_assert_uint_eq(fault_server_requests(), 0);
	ck_assert_str_eq(again.info.proof, t.info.proof);
	/* And what it did not leave is missing, by name. */
	_trial_ struct trial other = {.spec = {.version = "6.1.8", .rt = "6.1.8-rt1"},
		.mirrors = {mirror},
		.offline = true,
		.cache = xstrdup(t.cache)};
	struct source_env env = {.cache = t.cache, .offline = true};
	_str_vec_ struct str_vec missing = {0};
	ck_ok(source_missing(&t.spec, &env, &missing, &t.e), &t.e);
	ck_assert_uint_eq(missing.len, 0);
	trial_dirs(&other);
	ck_ok(source_missing(&other.spec, &env, &missing, &other.e), &other.e);
	ck_assert_uint_eq(missing.len, 4);
	ck_assert_str_eq(missing.items[0], "linux-6.1.8.tar.xz");
	ck_assert_str_eq(missing.items[3], "patches-6.1.8-rt1.tar.sign");
	ck_assert_int_eq(trial_fetch(&other), -1);
	ck_assert_int_eq(other.e.code, ERR_NETWORK);
	ck_assert_uint_eq(fault_server_requests(), 0);
}
END_TEST

START_TEST(older_queue)
{
	if (!ready())
		return;
	_free_ char *mirror = mirror_of(org.dir);
	_trial_ struct trial t = {
		.spec = {.version = "6.1.8", .rt = "6.1.8-rt1"}, .mirrors = {mirror}};
	ck_ok(trial_run(&t), &t.e);
	_free_ char *series = test_path("%s/queue/series", t.unpacked);
	_free_ char *text = test_read(series);
	ck_assert_str_eq(text, "b.patch\na.patch\n");
}
END_TEST

/* What a mirror has instead of the right thing, and what is said of it. */
static const struct refusal {
	const char *what, *how; /* shell in a copy of the mirror */
	enum source_require require;
	int code;
	const char *sentence; /* a part of it */
} refusals[] = {
	{"nothing wrong", ":", REQUIRE_BOTH, 0, NULL},
	{"a digest changed in the sums",
		"sed -i 's/^[0-9a-f]\\{4\\}/0000/' v6.x/sha256sums.asc", REQUIRE_BOTH, 3,
		"does not fit the data: it was changed"},
	{"an unsigned line before the sums",
		"sed -i '1i 0000  linux-6.1.9.tar.xz' v6.x/sha256sums.asc", REQUIRE_BOTH,
		3, "sha256sums.asc:1: text stands before the signed block"},
	{"sums by a developer", "sums -u dev@test.invalid", REQUIRE_BOTH, 3,
		"is not among the trusted keys"},
	{"sums by a stranger", "sums -u stranger@test.invalid", REQUIRE_BOTH, 3,
		"is not among the trusted keys"},
	{"sums with SHA-1", "sums -u auto@test.invalid --digest-algo SHA1", REQUIRE_BOTH,
		3, "signed with SHA-1, which proves nothing any more"},
	{"sums that do not list it",
		"mv v6.x/linux-6.1.9.tar.xz x && sums -u auto@test.invalid && mv x "
		"v6.x/linux-6.1.9.tar.xz",
		REQUIRE_BOTH, 3,
		"linux-6.1.9.tar.xz is not listed in v6.x/sha256sums.asc yet"},
	{"a name that a regular expression would take",
		"mv v6.x/linux-6.1.9.tar.xz v6.x/linux-6x1.9.tar.xz && sums -u "
		"auto@test.invalid",
		REQUIRE_BOTH, 3,
		"linux-6.1.9.tar.xz is not listed in v6.x/sha256sums.asc yet"},
	{"a name that ends in it",
		"mv v6.x/linux-6.1.9.tar.xz v6.x/x-linux-6.1.9.tar.xz && sums -u "
		"auto@test.invalid",
		REQUIRE_BOTH, 3,
		"linux-6.1.9.tar.xz is not listed in v6.x/sha256sums.asc yet"},
	{"listed twice",
		"cp v6.x/linux-6.1.9.tar.xz x && (cd v6.x && (sha256sum *.tar.xz; printf "
		"'%064d  linux-6.1.9.tar.xz\\n' 0) > list && g -u auto@test.invalid "
		"--output "
		"sha256sums.asc --clearsign list)",
		REQUIRE_BOTH, 3,
		"v6.x/sha256sums.asc lists linux-6.1.9.tar.xz with two digests"},
	{"another tarball", "cp v6.x/linux-6.1.8.tar.xz v6.x/linux-6.1.9.tar.xz",
		REQUIRE_BOTH, 3, "linux-6.1.9.tar.xz: its sha256 is"},
	{"another tarball, listed",
		"cp v6.x/linux-6.1.8.tar.xz v6.x/linux-6.1.9.tar.xz && sums -u "
		"auto@test.invalid",
		REQUIRE_BOTH, 3, "linux.tar.sign: the signature by the key"},
	{"the same without sums", "cp v6.x/linux-6.1.8.tar.xz v6.x/linux-6.1.9.tar.xz",
		REQUIRE_TARBALL, 3, "linux-6.1.9.tar.sign: the signature by the key"},
	{"an old tarball with its own signature",
		"cp v6.x/linux-6.1.8.tar.xz v6.x/linux-6.1.9.tar.xz && cp "
		"v6.x/linux-6.1.8.tar.sign "
		"v6.x/linux-6.1.9.tar.sign && sums -u auto@test.invalid",
		REQUIRE_BOTH, 3,
		"KERNEL_VERSION is 6.1.9, but the Makefile of the tree says 6.1.8"},
	{"a tarball signed by the autosigner",
		"xz -dc v6.x/linux-6.1.9.tar.xz | g -u auto@test.invalid --output "
		"v6.x/linux-6.1.9.tar.sign --detach-sign -",
		REQUIRE_BOTH, 3, "is not among the trusted keys"},
	{"a tarball signed by a stranger",
		"xz -dc v6.x/linux-6.1.9.tar.xz | g -u stranger@test.invalid --output "
		"v6.x/linux-6.1.9.tar.sign --detach-sign -",
		REQUIRE_TARBALL, 3, "is not among the trusted keys"},
	{"a signature over the .xz",
		"g -u dev@test.invalid --output v6.x/linux-6.1.9.tar.sign --detach-sign "
		"v6.x/linux-6.1.9.tar.xz",
		REQUIRE_BOTH, 3, "does not fit the data: it was changed"},
	{"a signature that is a page", "echo nothing > v6.x/linux-6.1.9.tar.sign",
		REQUIRE_BOTH, 3, "linux.tar.sign holds no signature that gpgv can read"},
	{"no signature", "rm v6.x/linux-6.1.9.tar.sign", REQUIRE_BOTH, 4,
		"linux-6.1.9.tar.sign can't be fetched"},
	{"no signature, and none demanded", "rm v6.x/linux-6.1.9.tar.sign", REQUIRE_SUMS,
		0, NULL},
	{"no sums, and none demanded", "rm v6.x/sha256sums.asc", REQUIRE_TARBALL, 0,
		NULL},
	{"no sums", "rm v6.x/sha256sums.asc", REQUIRE_BOTH, 4,
		"v6.x/sha256sums.asc can't be fetched"},
	{"a damaged .xz, listed",
		"printf XXXX | dd of=v6.x/linux-6.1.9.tar.xz bs=1 seek=100000 "
		"conv=notrunc && sums -u "
		"auto@test.invalid",
		REQUIRE_BOTH, 11,
		"linux.tar.xz can't be decompressed: its data is damaged, or something"},
	{"a cut .xz, listed",
		"truncate -s 100000 v6.x/linux-6.1.9.tar.xz && sums -u auto@test.invalid",
		REQUIRE_BOTH, 11,
		"linux.tar.xz can't be decompressed: it ends too early"},
	{"something behind the .xz, listed",
		"seq 100 >> v6.x/linux-6.1.9.tar.xz && sums -u auto@test.invalid",
		REQUIRE_BOTH, 11,
		"linux.tar.xz can't be decompressed: its data is damaged, or something "
		"follows it"},
	{"a hostile tarball, signed",
		"mkdir linux-6.1.9 && ln -s /etc linux-6.1.9/etc && echo x > passwd && "
		"tar cf h.tar "
		"--transform 's,^passwd,linux-6.1.9/etc/passwd,' linux-6.1.9 passwd && g "
		"--output "
		"v6.x/linux-6.1.9.tar.sign -u dev@test.invalid --detach-sign h.tar && xz "
		"h.tar && mv "
		"h.tar.xz v6.x/linux-6.1.9.tar.xz && sums -u auto@test.invalid",
		REQUIRE_BOTH, 11, "etc"},
	{"no kernel tree, signed",
		"mkdir linux-6.1.9 && echo x > linux-6.1.9/x && tar cf h.tar linux-6.1.9 "
		"&& g "
		"--output v6.x/linux-6.1.9.tar.sign -u dev@test.invalid --detach-sign "
		"h.tar && xz "
		"h.tar && mv h.tar.xz v6.x/linux-6.1.9.tar.xz && sums -u "
		"auto@test.invalid",
		REQUIRE_BOTH, 11, "it is no kernel tree"},
};

/* The sentence holds these pieces (around "*") in this order. */
static bool holds(const char *text, const char *pieces)
{
	_str_vec_ struct str_vec list = {0};
	str_split(&list, pieces, "*");
	for (size_t i = 0; i < list.len; i++) {
		text = strstr(text, list.items[i]);
		if (!text)
			return false;
		text += strlen(list.items[i]);
	}
	return true;
}

START_TEST(refusals_of_mirrors)
{
	if (!ready())
		return;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		const struct refusal *r = &refusals[i];
		_free_ char *dir = spoiled(r->how), *mirror = mirror_of(dir);
		_trial_ struct trial t = {
			.spec = {.version = "6.1.9", .require = r->require},
			.mirrors = {mirror}};
		int status = trial_run(&t);
		ck_assert_msg(t.e.code == r->code && !status == !r->code,
			"%s: code %d, %s", r->what, t.e.code, t.e.msg);
		ck_assert_msg(!r->code || holds(t.e.msg, r->sentence), "%s: %s", r->what,
			t.e.msg);
		if (!r->code && r->require == REQUIRE_SUMS)
			ck_assert_msg(
				holds(t.info.proof,
					"no signature of a developer (--require sums)"),
				"%s", t.info.proof);
	}
}
END_TEST

/* Sums that are older than what was seen: 6.1.9 was known, 6.1.10 is asked for now. */
START_TEST(replayed_sums)
{
	if (!ready())
		return;
	_free_ char *mirror = mirror_of(org.dir);
	_free_ char *old = spoiled("sums -u auto@test.invalid --faked-system-time "
				   "20240102T030405! && : 2>/dev/null");
	_free_ char *old_mirror = mirror_of(old);
	_trial_ struct trial t = {.spec = {.version = "6.1.9"}, .mirrors = {mirror}};
	ck_ok(trial_fetch(&t), &t.e);
	struct source_env env = {
		.cache = t.cache, .mirrors = (const char *[]){old_mirror, NULL}};
	char *version = NULL;
	ck_assert_int_eq(source_latest("6.1", &t.spec, &env, &version, &t.e), -1);
	ck_assert_int_eq(t.e.code, ERR_VERIFY);
	ck_assert_msg(
		holds(t.e.msg, "it was signed 2024-01-02 03:04 UTC, and a newer one"),
		"%s", t.e.msg);
	/* The next mirror is asked, and its answer counts. */
	struct source_env both = {
		.cache = t.cache, .mirrors = (const char *[]){old_mirror, mirror, NULL}};
	ck_ok(source_latest("6.1", &t.spec, &both, &version, &t.e), &t.e);
	ck_assert_str_eq(version, "6.1.10");
	free(version);
	/* By itself the old file is a good one. */
	_trial_ struct trial fresh = {
		.spec = {.version = "6.1.9"}, .mirrors = {old_mirror}};
	ck_ok(trial_fetch(&fresh), &fresh.e);
}
END_TEST

static const struct {
	const char *series, *version;
} newest[] = {{"6.1", "6.1.10"}, {"6.12", "6.12"}, {"6.2", NULL}};

START_TEST(latest)
{
	if (!ready())
		return;
	_free_ char *mirror = mirror_of(org.dir), *cache = xstrdup(test_tmpdir());
	struct source_spec spec = {.keys = org.keys};
	struct source_env env = {
		.cache = cache, .mirrors = (const char *[]){mirror, NULL}};
	for (int offline = 0; offline < 2; offline++)
		for (size_t i = 0; i < ARRAY_LEN(newest); i++) {
			struct err e = {0};
			char *version = NULL;
			env.offline = offline;
			int status = source_latest(
				newest[i].series, &spec, &env, &version, &e);
			ck_assert_msg(!status == !!newest[i].version, "%s: %s",
				newest[i].series, e.msg);
			ck_assert(str_eq(version, newest[i].version));
			free(version);
		}
}
END_TEST

static const char zero_pin[] =
	"0000000000000000000000000000000000000000000000000000000000000000";

/* What is said before anything is fetched. */
static const struct {
	struct source_spec spec;
	const char *sentence;
} checks[] = {
	{{.version = "6.1.9", .rt = "6.1.8-rt1"},
		"RT_VERSION=6.1.8-rt1 is made for the kernel 6.1.8, and KERNEL_VERSION "
		"is 6.1.9; "
		"make both agree"},
	{{.version = "6.1.9", .rt = "6.1.9-rt"},
		"RT_VERSION=6.1.9-rt is no version of the RT project; it looks like "
		"6.1.176-rt64"},
	{{.version = "6.1"}, NULL},
	{{.version = "6.1.9", .rt = "", .pin = "", .url = ""}, NULL},
	{{.version = "6.01.2"},
		"KERNEL_VERSION=6.01.2 is no kernel version; it looks like 6.1.176"},
	{{.version = "../../x"},
		"KERNEL_VERSION=../../x is no kernel version; it looks like 6.1.176"},
	{{.version = "6.1.9", .pin = "abc"},
		"KERNEL_SHA256=abc is no sha256; it has 64 lower-case hex digits"},
	{{.version = "6.13-rc1"},
		"6.13-rc1 is a release candidate, and nobody signs its tarball: give "
		"KERNEL_SOURCE=<url> and KERNEL_SHA256=<sha256> beside it"},
	{{.version = "6.13-rc1", .url = "https://a/b", .pin = zero_pin}, NULL},
	{{.version = "6.1.9", .url = "https://a/b"},
		"KERNEL_SOURCE=https://a/b needs KERNEL_SHA256=<sha256 of the file> "
		"beside it: "
		"nothing else would prove it"},
};

START_TEST(checked_first)
{
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		struct err e = {0};
		if (checks[i].sentence)
			ck_fails(source_check(&checks[i].spec, &e), &e, ERR_USAGE,
				checks[i].sentence);
		else
			ck_ok(source_check(&checks[i].spec, &e), &e);
	}
}
END_TEST

Suite *suite_source(void);
Suite *suite_source(void)
{
	Suite *s = suite_create("source");
	const TTest *tests[] = {fetch_and_unpack, never_twice, older_queue,
		refusals_of_mirrors, replayed_sums, latest, checked_first};
	TCase *tc = tcase_create("kernel.org");
	tcase_add_unchecked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}
