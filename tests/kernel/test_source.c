#include <stdlib.h>
#include <string.h>
#include "orchestrator/base/pgpkey.h"
#include "tests/kernel/source_trial.h"
#include "tests/test.h"

START_TEST(fetch_and_unpack)
{
	if (!source_ready())
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
				 "printf '%%s;%%s' '%s' '%s' | tr ';' '\\n' | sed "
				 "'s/[0-9A-F]\\{40\\}/FPR/; "
				 "s/^ //'",
				 t.info.proof, t.queue_info.proof),
		0);
	ck_assert_str_eq(out.data,
		"linux-6.1.9.tar.xz: sha256sums.asc signed by FPR (auto "
		"<auto@test.invalid>)\n"
		"linux.tar.sign by FPR (dev <dev@test.invalid>)\n"
		"patches-6.1.9-rt3.tar.xz: sha256sums.asc signed by FPR (auto "
		"<auto@test.invalid>)\n"
		"patches-6.1.9-rt3.tar.sign by FPR (dev <dev@test.invalid>)");
	ck_assert_str_eq(t.queue_info.version, "6.1.9-rt3");
	ck_assert_str_eq(t.queue_info.url,
		"https://www.kernel.org/pub/linux/kernel/projects/rt/6.1/"
		"patches-6.1.9-rt3.tar.xz");
	/* The tree is what tar makes of it, and the queue is in its own order. */
	buf_clear(&out);
	ck_assert_int_eq(
		test_sh(&out,
			"cd '%s' && mkdir oracle && tar xf '%s/v6.x/linux-6.1.9.tar.xz' "
			"-C oracle --strip-components=1 && diff -r --no-dereference "
			"oracle "
			"tree && stat -c %%Y tree/kernel/x.c && stat -c %%a "
			"tree/scripts/run && cat '%s/queue/series'",
			t.unpacked, org.dir, t.queue),
		0);
	ck_assert_str_eq(out.data, "1700000123\n755\nb.patch\na.patch\n");
	_str_vec_ struct str_vec patches = {0};
	_free_ char *queue = test_path("%s/queue", t.queue);
	_free_ char *first = test_path("%s/b.patch", queue);
	ck_ok(source_queue_list(queue, &patches, &t.e), &t.e);
	ck_assert_uint_eq(patches.len, 2);
	ck_assert_str_eq(patches.items[0], first);
}
END_TEST

START_TEST(older_queue)
{
	if (!source_ready())
		return;
	_free_ char *mirror = mirror_of(org.dir);
	_trial_ struct trial t = {
		.spec = {.version = "6.1.8", .rt = "6.1.8-rt1"}, .mirrors = {mirror}};
	ck_ok(trial_run(&t), &t.e);
	_free_ char *series = test_path("%s/queue/series", t.queue);
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
	if (!source_ready())
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
	if (!source_ready())
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
	if (!source_ready())
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

static size_t primaries(const struct pgp_ring *ring)
{
	size_t n = 0;
	for (size_t i = 0; i < ring->count; i++)
		n += str_eq(ring->keys[i].primary, ring->keys[i].fingerprint);
	return n;
}

/* The README's rows of one ring: "| `<fingerprint>` | ...", below a line that names it.
 */
static void check_ring(const char *readme, const char *name)
{
	_free_ char *path = test_path("%s/kernel/keys/%s", test_source_dir(), name);
	_free_ char *heading = test_path("`%s` signs", name);
	_free_ char *text = xstrdup(readme);
	_pgp_ring_ struct pgp_ring ring = {0};
	struct err e = {0};
	char *line, *pos = strstr(text, heading);
	size_t rows = 0;
	ck_ok(pgp_ring_read(path, &ring, &e), &e);
	ck_assert_ptr_nonnull(pos);
	while ((line = str_next_line(&pos)) && !(rows && *line != '|')) {
		if (!str_starts(line, "| `"))
			continue;
		line[strcspn(line + 3, "`") + 3] = '\0';
		const struct pgp_key *key = pgp_ring_find(&ring, line + 3);
		ck_assert_msg(key && str_eq(key->primary, line + 3), "%s has no %s", name,
			line + 3);
		ck_assert(key->algo != PGP_RSA || key->bits >= 2048);
		rows++;
	}
	ck_assert_uint_eq(rows, primaries(&ring));
}

/* Whom kiln trusts is what its README says, neither less nor more. */
START_TEST(shipped_keys)
{
	_free_ char *path = test_path("%s/kernel/keys/README.md", test_source_dir());
	_free_ char *readme = test_read(path);
	check_ring(readme, "sums.asc");
	check_ring(readme, "developers.asc");
}
END_TEST

Suite *suite_source(void);
Suite *suite_source(void)
{
	Suite *s = suite_create("source");
	const TTest *tests[] = {fetch_and_unpack, older_queue, refusals_of_mirrors,
		replayed_sums, latest, checked_first, shipped_keys};
	TCase *tc = tcase_create("kernel.org");
	tcase_add_unchecked_fixture(tc, source_setup, source_teardown);
	tcase_set_timeout(tc, 120);
	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}
