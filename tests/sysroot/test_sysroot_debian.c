/* Every link of the chain from a Debian archive to a root, spoiled once. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "tests/sysroot/mirror_fixture.h"

/* What is spoiled before locking; then the lock must fail so. */
static const struct spoilt {
	const char *name, *command;
	int code;
	const char *says;
} lock_rows[] = {
	{"InRelease changed",
		"sed -i 's/Origin: Tiny/Origin: Evil/' $T/debian/dists/tiny/InRelease",
		ERR_VERIFY, "sysroot t: debian tiny: *InRelease*"},
	{"InRelease by another key", "$M wrong", ERR_VERIFY,
		"sysroot t: debian tiny: *InRelease*"},
	{"text before InRelease",
		"sed -i '1i Codename: evil' $T/debian/dists/tiny/InRelease", ERR_VERIFY,
		"sysroot t: debian tiny: *InRelease*"},
	{"text behind InRelease", "echo Codename: evil >>$T/debian/dists/tiny/InRelease",
		ERR_VERIFY, "sysroot t: debian tiny: *InRelease*"},
	{"no signature", "cp $T/Release $T/debian/dists/tiny/InRelease", ERR_VERIFY,
		"sysroot t: debian tiny: *InRelease*"},
	{"InRelease expired", "$M release 'Sat, 18 Jul 2020 10:16:37 UTC'", ERR_VERIFY,
		"sysroot t: InRelease of debian tiny was valid until Sat, 18 Jul 2020 "
		"10:16:37 UTC: "
		"the mirror is stale; take another with --package-mirror"},
	{"InRelease with a strange date", "$M release 'tomorrow'", ERR_VERIFY,
		"sysroot t: InRelease of debian tiny: Valid-Until is no date: tomorrow"},
	{"another suite", "SUITE=other $M release", ERR_VERIFY,
		"sysroot t: InRelease of debian tiny is of another suite (other, "
		"stable): the mirror "
		"is wrong"},
	{"no InRelease", "rm $T/debian/dists/tiny/InRelease", ERR_NETWORK,
		"sysroot t: *dists/tiny/InRelease*file://*/debian/dists/tiny/InRelease*"},
	{"Packages changed",
		"printf x | dd of=$T/debian/dists/tiny/main/binary-amd64/Packages.xz "
		"bs=1 seek=99 "
		"conv=notrunc 2>/dev/null",
		ERR_VERIFY, "sysroot t: *main/binary-amd64/Packages.xz*"},
	{"Packages longer", "echo x >>$T/debian/dists/tiny/main/binary-amd64/Packages.xz",
		ERR_NETWORK, "sysroot t: *main/binary-amd64/Packages.xz*"},
	{"no Packages", "rm $T/debian/dists/tiny/main/binary-arm64/Packages.xz",
		ERR_NETWORK, "sysroot t: *main/binary-arm64/Packages.xz*"},
	{"no such architecture", "sed -i 's/arm64/sparc64/' $T/conf/t.conf", ERR_USAGE,
		"sysroot t: debian tiny has no main for sparc64 (no "
		"main/binary-sparc64/Packages.xz "
		"in its InRelease)"},
	{"no such package", "sed -i 's/= tool/= tool nonsuch/' $T/conf/t.conf", ERR_USAGE,
		"sysroot t: *t.conf: [base]: the archive has no package nonsuch"},
	{"impossible package", "sed -i 's/= extra/= broken/' $T/conf/t.conf", ERR_USAGE,
		"sysroot t: *t.conf: the packages of all groups can't be installed "
		"together: nothing "
		"provides nobody needed by broken-1.amd64"},
	{"no mirror of that archive",
		"sed -i 's/= debian tiny/= nowhere tiny/' $T/conf/t.conf", ERR_USAGE,
		"sysroot t: *--package-mirror URL, ending in *"},
	{"unknown key", "sed -i '1a speed = high' $T/conf/t.conf", ERR_USAGE,
		"*/conf/t.conf:2: unknown key 'speed'"},
	{"no line", "sed -i '1a what' $T/conf/t.conf", ERR_USAGE,
		"*/conf/t.conf:2: not a line of the form key = value or [section]"},
	{"unknown provider", "sed -i 's/= debian$/= gentoo/' $T/conf/t.conf", ERR_USAGE,
		"*/conf/t.conf: provider = gentoo: it is one of debian, oci, tar, host"},
	{"no keyring", "rm $T/ring.gpg", ERR_USAGE,
		"sysroot t: *t.conf: keyring = */ring.gpg is not there; Debian's comes "
		"with the "
		"package debian-archive-keyring"},
};

START_TEST(a_spoilt_archive_makes_no_lock)
{
	const struct spoilt *row = &lock_rows[_i];
	_free_ char *lock = NULL;
	struct mirror m;
	struct err e = {0};

	if (!mirror_here())
		return;
	mirror_copy(&m);
	mirror_spoil(&m, row->command);
	ck_assert_msg(mirror_lock(&m, &e) == -1, "%s: a lock was made", row->name);
	ck_assert_msg(like(e.msg, row->says), "%s: %s", row->name, e.msg);
	ck_assert_msg(e.code == row->code, "%s: code %d: %s", row->name, e.code, e.msg);
	lock = test_path("%s/t.lock", m.conf);
	ck_assert(!fs_exists(AT_FDCWD, lock));
}
END_TEST

/* What is spoiled after locking; then making must fail so, or not. */
static const struct spoilt make_rows[] = {
	{"nothing", ":", 0, NULL},
	{"expired by now", "$M release 'Sat, 18 Jul 2020 10:16:37 UTC'", 0, NULL},
	{"no index at all", "rm -r $T/debian/dists", 0, NULL},
	{"package changed",
		"printf x | dd of=$(ls $T/debian/pool/main/tool_*) bs=1 seek=300 "
		"conv=notrunc "
		"2>/dev/null",
		ERR_VERIFY, "sysroot t: *package tool 1.0-1 (amd64)*"},
	{"package longer", "echo x >>$(ls $T/debian/pool/main/tool_*)", ERR_NETWORK,
		"sysroot t: *package tool 1.0-1 (amd64)*"},
	{"package gone", "rm $T/debian/pool/main/libx_2.0_amd64.deb", ERR_NETWORK,
		"sysroot t: *package libx 2.0 (amd64)*libx_2.0_amd64.deb*(if a mirror no "
		"longer has "
		"this version, make a lock of today with `kiln sysroot lock t`, or name "
		"an archive of "
		"old packages with --package-mirror; \"{timestamp}\" in it becomes "
		"20260711T101637Z)"},
	{"another sha256 in the lock",
		"sed -i '/ tool /s/ [0-9a-f]\\{64\\} / "
		"0000000000000000000000000000000000000000000000000000000000000000 /' "
		"$T/conf/t.lock",
		ERR_VERIFY, "sysroot t: *package tool 1.0-1 (amd64)*"},
	{"sha256 too short",
		"sed -i '/ tool /s/ [0-9a-f]\\{64\\} / abc /' $T/conf/t.lock", ERR_VERIFY,
		"*/t.lock:16: the sha256 is none: the lock is damaged; take it from "
		"where "
		"it came, or make it anew with `kiln sysroot lock`"},
	{"size no number",
		"sed -i 's/ mawk 1.3 amd64 [0-9]*/ mawk 1.3 amd64 many/' $T/conf/t.lock",
		ERR_VERIFY, "*/t.lock:15: the size is no number: *"},
	{"path leads outside",
		"sed -i 's|debian/pool/main/tool|debian/../../../tool|' $T/conf/t.lock",
		ERR_VERIFY, "*/t.lock:16: the path is not one of an archive: *"},
	{"absolute path", "sed -i 's|debian/pool/main/tool|/etc/tool|' $T/conf/t.lock",
		ERR_VERIFY, "*/t.lock:16: the path is not one of an archive: *"},
	{"a word too many", "sed -i 's/$/ x/;1s/ x//' $T/conf/t.lock", ERR_VERIFY,
		"*/t.lock:3: *"},
	{"cut off", "sed -i '14,$d' $T/conf/t.lock", ERR_VERIFY,
		"*/t.lock:13: it is cut off: *"},
	{"unknown line", "sed -i '5i run /bin/sh' $T/conf/t.lock", ERR_VERIFY,
		"*/t.lock:5: unknown kind of line: *"},
	{"not a lock", "echo x >$T/conf/t.lock", ERR_USAGE,
		"*/t.lock:1: not a lock of this kiln (its first line is not \"kiln-lock "
		"1\"); make it "
		"anew with `kiln sysroot lock`"},
	{"no lock", "rm $T/conf/t.lock", ERR_USAGE,
		"sysroot t has no lock (*/t.lock): make it with `kiln sysroot lock t`"},
	{"conf changed", "sed -i 's/= tool/= tool libx/' $T/conf/t.conf", ERR_USAGE,
		"*/t.lock was made from another t.conf than this one: make it anew with "
		"`kiln sysroot "
		"lock t`"},
	{"conf changed where the lock does not care",
		"sed -i 's/share.doc/share\\/man/' $T/conf/t.conf", 0, NULL},
};

START_TEST(a_spoilt_input_makes_no_root)
{
	const struct spoilt *row = &make_rows[_i];
	const char *root = NULL;
	struct mirror m;
	struct err e = {0};
	int r;

	if (!mirror_here())
		return;
	mirror_copy(&m);
	ck_ok(mirror_lock(&m, &e), &e);
	mirror_spoil(&m, row->command);
	r = mirror_make(&m, NULL, &root, &e);
	if (!row->says) {
		ck_ok(r, &e);
		return;
	}
	ck_assert_msg(r == -1, "%s: a root was made", row->name);
	ck_assert_msg(like(e.msg, row->says), "%s: %s", row->name, e.msg);
	ck_assert_msg(e.code == row->code, "%s: code %d: %s", row->name, e.code, e.msg);
}
END_TEST

START_TEST(the_cache_is_proved_and_enough)
{
	const char *root = NULL;
	_str_vec_ struct str_vec missing = {0};
	struct sysroot *s;
	struct mirror m;
	struct err e = {0};

	if (!mirror_here())
		return;
	mirror_copy(&m);
	ck_ok(mirror_lock(&m, &e), &e);
	s = sysroot_load(m.dirs, "t", NULL, &e);
	ck_ok(sysroot_missing(s, &m.env, &missing, &e), &e);
	ck_assert_uint_eq(missing.len, 7);
	ck_assert_msg(like(missing.items[0], "package cross 3:4 (arm64, *)"), "%s",
		missing.items[0]);
	m.env.offline = true;
	ck_fails(sysroot_fetch(s, &m.env, &e), &e, ERR_NETWORK,
		"7 packages of sysroot t are not in the cache, and --offline forbids "
		"fetching them");
	m.env.offline = false;
	ck_ok(sysroot_fetch(s, &m.env, &e), &e);
	sysroot_free(s);
	/* From now on no mirror is asked. */
	mirror_spoil(&m, "rm -r $T/debian");
	m.env.offline = true;
	ck_ok(mirror_make(&m, NULL, &root, &e), &e);
	mirror_spoil(&m, "rm -r $T/cache/trees; f=$(ls $T/cache/*.deb | head -n 1); "
			 "printf x | dd of=$f bs=1 seek=99 conv=notrunc 2>/dev/null");
	ck_assert_int_eq(mirror_make(&m, NULL, &root, &e), -1);
	ck_assert_msg(
		like(e.msg,
			"sysroot t: package *: the file in the cache was changed (sha256 "
			"*, the lock says *); it has been removed, run again to fetch "
			"it"),
		"%s", e.msg);
	ck_assert_int_eq(e.code, ERR_VERIFY);
	ck_assert_int_eq(mirror_make(&m, NULL, &root, &e), -1);
	ck_assert_msg(like(e.msg, "sysroot t: 1 packages*"), "%s", e.msg);
}
END_TEST

START_TEST(a_lock_that_outlived_its_mirror_is_made_anew)
{
	_free_ char *name = NULL, *locks = NULL;
	struct mirror m;
	struct err e = {0};
	struct sysroot *s;

	if (!mirror_here())
		return;
	mirror_copy(&m);
	locks = test_path("%s/locks", m.top);
	ck_ok(mirror_lock(&m, &e), &e);
	ck_ok(sysroot_fetch_or_relock(m.dirs, "t", NULL, &m.env, locks, &name, &e), &e);
	ck_assert_str_eq(name, "t");
	mirror_spoil(&m, "rm -r $T/cache $T/debian/pool/main/libx_2.0_*; "
			 "$M deb libx 2.1 amd64 '' usr/lib/libx=amd64-2.1; "
			 "$M deb libx 2.1 arm64 '' usr/lib/libx2=arm64-2.1; $M index");
	free(name);
	ck_ok(sysroot_fetch_or_relock(m.dirs, "t", NULL, &m.env, locks, &name, &e), &e);
	ck_assert_msg(like(name, "*/locks/t"), "%s", name);
	s = sysroot_load(m.dirs, name, NULL, &e);
	ck_assert_msg(s != NULL, "%s", e.msg);
	sysroot_free(s);
	/* Where the mirror itself is away, the first error stands. */
	mirror_spoil(&m, "rm -r $T/cache $T/debian");
	mem_free_ptr(&name);
	ck_assert_int_eq(
		sysroot_fetch_or_relock(m.dirs, "t", NULL, &m.env, locks, &name, &e), -1);
	ck_assert_int_eq(e.code, ERR_NETWORK);
}
END_TEST

START_TEST(the_command_does_the_same)
{
	_buf_ struct buf out = {0};
	_free_ char *root = NULL, *ws = NULL, *tool = NULL, *store = NULL;
	struct mirror m;

	if (!mirror_here())
		return;
	mirror_copy(&m);
	ws = test_path("%s/ws", m.top);
	root = test_path("%s/root", m.top);
	store = test_path("%s/store", m.top);
	mirror_spoil(&m, "mkdir $T/ws; ln -s ../conf $T/ws/sysroot");
	const char *lock[] = {"-C", ws, "--store", store, "--package-mirror", m.url,
		"sysroot", "lock", "t", NULL};
	const char *make[] = {"-C", ws, "--store", store, "--package-mirror", m.url,
		"sysroot", "make", "t", root, "--arch", "arm64", NULL};

	ck_assert_msg(test_kiln(&out, lock) == 0, "%s", buf_str(&out));
	ck_assert_msg(test_kiln(&out, make) == 0, "%s", buf_str(&out));
	tool = test_path("%s/usr/bin/cross", root);
	ck_assert(fs_exists(AT_FDCWD, tool));
	ck_assert_int_eq(test_kiln(&out, make), ERR_USAGE);
	ck_assert_msg(like(out.data, "kiln: */root is not empty: name a new directory\n"),
		"%s", out.data);
}
END_TEST

Suite *suite_sysroot_debian(void);
Suite *suite_sysroot_debian(void)
{
	Suite *s = suite_create("sysroot_debian");
	TCase *tables = tcase_create("tables");

	tcase_set_timeout(tables, 60);
	tcase_add_unchecked_fixture(tables, mirror_setup, NULL);
	tcase_add_loop_test(
		tables, a_spoilt_archive_makes_no_lock, 0, (int)ARRAY_LEN(lock_rows));
	tcase_add_loop_test(
		tables, a_spoilt_input_makes_no_root, 0, (int)ARRAY_LEN(make_rows));
	tcase_add_test(tables, the_cache_is_proved_and_enough);
	tcase_add_test(tables, a_lock_that_outlived_its_mirror_is_made_anew);
	tcase_add_test(tables, the_command_does_the_same);
	suite_add_tcase(s, tables);
	return s;
}
