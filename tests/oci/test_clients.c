/* The clients that people use read what kiln writes, and bring back what went in. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "tests/oci/oci_test.h"

Suite *suite_oci_clients(void);

static const enum compression all[] = {COMPRESS_GZIP, COMPRESS_ZSTD, COMPRESS_NONE};

/* In the current directory: tree, and layout "l" with it for two architectures, under
 * 6.12 and each under its own tag. */
static void make_layout(enum compression how)
{
	static const struct {
		const char *arch, *variant, *tag;
	} arches[] = {{"amd64", "", "6.12-amd64"}, {"arm64", "v8", "6.12-arm64"}};
	const char *tree = oci_test_tree();
	_free_ char *source = test_path("%s/linux.tar.xz", tree);

	ck_assert_int_eq(chdir(test_tmpdir()), 0);
	ck_assert_int_eq(symlink(tree, "tree"), 0);
	for (size_t i = 0; i < ARRAY_LEN(arches); i++) {
		const struct oci_test_image image = {.arch = arches[i].arch,
			.variant = arches[i].variant,
			.tree = tree,
			.source = source,
			.compression = how,
			.threads = 2};
		const char *from = oci_test_write(&image);

		oci_test_publish(from, "l", "6.12", false);
		oci_test_publish(from, "l", arches[i].tag, true);
	}
	oci_test_sound("l");
}

/* Names, types, modes, owners, mtimes, link targets and bytes below two directories. */
static void ck_same_tree(const char *a, const char *b)
{
	_buf_ struct buf out = {0};
	const char *list = "find . -mindepth 1 -printf '%P %y %m %U:%G %T@ %l\\n' | "
			   "LC_ALL=C sort";

	ck_assert_msg(
		test_sh(&out,
			"(cd %s/ && %s) >list.a && (cd %s/ && %s) >list.b && test -s "
			"list.a && diff list.a list.b && diff -r --no-dereference %s/ "
			"%s/",
			a, list, b, list, a, b) == 0,
		"%s", out.data);
}

static void sh_ok(struct buf *out, const char *script)
{
	_buf_ struct buf own = {0};
	int status = test_sh(out ? out : &own, "%s", script);

	ck_assert_msg(status == 0, "%s: exit %d: %s", script, status,
		buf_str(out ? out : &own));
}

START_TEST(umoci_unpacks)
{
	/* Version 0.4.7 knows no zstd. */
	if (!test_need("umoci") || all[_i] == COMPRESS_ZSTD)
		return;
	make_layout(all[_i]);
	sh_ok(NULL, "umoci unpack --rootless --image l:6.12-amd64 bundle");
	ck_same_tree("tree", "bundle/rootfs");
}
END_TEST

START_TEST(skopeo_inspects_and_copies)
{
	_buf_ struct buf out = {0};

	if (!test_need("skopeo"))
		return;
	make_layout(all[_i]);
	sh_ok(&out, "skopeo inspect --override-arch arm64 --format "
		    "'{{.Architecture}} {{.Created}} {{.Labels}}' oci:l:6.12");
	ck_assert_str_eq(out.data, "arm64 2023-11-14 22:13:20 +0000 UTC "
				   "map[org.example.label:a \"quoted\" value]\n");
	sh_ok(NULL,
		"skopeo copy --insecure-policy -q --all --preserve-digests oci:l:6.12 "
		"oci:back:6.12 && for t in l back; do skopeo inspect --raw oci:$t:6.12 "
		">$t.raw; done && cmp l.raw back.raw");
	/* docker's own form knows no zstd; kiln's export expands such layers. */
	if (all[_i] != COMPRESS_ZSTD)
		sh_ok(NULL, "skopeo copy --insecure-policy -q --override-arch amd64 "
			    "oci:l:6.12 docker-archive:d.tar:x:1");
}
END_TEST

START_TEST(oci_image_tool_validates_and_unpacks)
{
	_buf_ struct buf out = {0};

	if (!test_need("oci-image-tool") || all[_i] != COMPRESS_GZIP)
		return;
	make_layout(all[_i]);
	sh_ok(&out, "oci-image-tool validate --type image l");
	ck_assert_msg(strstr(out.data, "Validation succeeded") != NULL, "%s", out.data);
	sh_ok(NULL, "oci-image-tool unpack --type imageLayout --ref name=6.12-amd64 "
		    "--platform linux:amd64 l u && diff -r --no-dereference tree/ u/");
}
END_TEST

/* podman and buildah with a storage of their own below the current directory. */
static bool storage_works(const char *program)
{
	if (!test_need(program))
		return false;
	return test_need_that(
		test_sh(NULL,
			"%s --root $PWD/s --runroot $PWD/r --storage-driver vfs info",
			program) == 0,
		"storage for podman and buildah (root, or subordinate user ids)");
}

START_TEST(podman_pulls)
{
	_buf_ struct buf out = {0};

	make_layout(all[_i]);
	if (!storage_works("podman") ||
		!test_need_that(geteuid() == 0, "root, to mount an image"))
		return;
	sh_ok(&out,
		"p='podman --root '$PWD'/s --runroot '$PWD'/r --storage-driver vfs' && "
		"i=$($p pull -q oci:l:6.12-amd64) && $p image mount $i");
	ck_same_tree("tree", str_trim(out.data));
}
END_TEST

START_TEST(podman_loads_exports)
{
	static const char *const forms[] = {"oci-archive", "docker-archive"};
	_buf_ struct buf out = {0};

	make_layout(all[_i]);
	if (!storage_works("podman"))
		return;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		const char *args[] = {"image", "export", "-o", "l", "--format", forms[i],
			"--arch", "x86_64", "6.12", "x.tar", NULL};

		ck_assert_int_eq(test_kiln(&out, args), 0);
		sh_ok(&out,
			"podman --root $PWD/s --runroot $PWD/r --storage-driver vfs load "
			"-q -i x.tar");
		ck_assert_str_eq(
			out.data, "Loaded image: docker.io/linuxkit/kernel:6.12\n");
		sh_ok(NULL,
			"podman --root $PWD/s --runroot $PWD/r --storage-driver vfs rmi "
			"-a -f");
	}
}
END_TEST

START_TEST(buildah_mounts)
{
	_buf_ struct buf out = {0};

	make_layout(all[_i]);
	if (!storage_works("buildah") ||
		!test_need_that(geteuid() == 0, "root, to mount a container"))
		return;
	sh_ok(&out,
		"b='buildah --root '$PWD'/s --runroot '$PWD'/r --storage-driver vfs' && "
		"c=$($b from -q oci:l:6.12-amd64) && $b mount $c");
	ck_same_tree("tree", str_trim(out.data));
}
END_TEST

static int free_port(void)
{
	_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	return ntohs(a.sin_port);
}

static pid_t start_registry(int port)
{
	const char *const argv[] = {"docker-registry", "serve", "registry.yml", NULL};
	_free_ char *text = test_path("version: 0.1\n"
				      "storage: {filesystem: {rootdirectory: registry}}\n"
				      "http: {addr: \"127.0.0.1:%d\"}\n",
		port);
	_close_ int log = open("registry.log", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	const struct proc_spec spec = {.argv = argv, .in = -1, .out = log, .err = log};
	struct err e = {0};
	pid_t pid;

	test_write("registry.yml", text);
	pid = proc_start(&spec, &e);
	ck_assert_msg(pid > 0, "%s", e.msg);
	return pid;
}

/* A plain push keeps all digests; only uncompressed layers have to be asked for. */
START_TEST(registry_gives_back_the_same)
{
	int port = free_port();
	struct proc_end end;
	struct err e = {0};
	_buf_ struct buf out = {0};
	int status;
	pid_t pid;

	if (!test_need("docker-registry") || !test_need("skopeo"))
		return;
	make_layout(all[_i]);
	pid = start_registry(port);
	status = test_sh(&out,
		"set -e; r=docker://127.0.0.1:%d/linuxkit/kernel:6.12\n"
		"c='skopeo copy --insecure-policy -q --all %s'\n"
		"for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do\n"
		"  $c --dest-tls-verify=false oci:l:6.12 $r 2>push && break; sleep 0.5\n"
		"done\n"
		"cat push; $c --src-tls-verify=false $r oci:back:6.12\n"
		"for t in l back; do skopeo inspect --raw oci:$t:6.12 >$t.raw; done\n"
		"cmp l.raw back.raw\n"
		"for b in back/blobs/sha256/*; do cmp $b l/blobs/sha256/${b##*/}; done",
		port, all[_i] == COMPRESS_NONE ? "--preserve-digests" : "");
	proc_kill(pid);
	ck_ok(proc_wait(pid, &end, &e), &e);
	ck_assert_msg(status == 0, "%s", out.data);
	oci_test_sound("back");
}
END_TEST

/* What LinuxKit's cache and its way with layouts ask for (it is not in Debian). */
START_TEST(linuxkit_finds_it)
{
	_buf_ struct buf out = {0};
	const char *inspect[] = {"image", "inspect", "-o", "l", "6.12", NULL};

	make_layout(all[_i]);
	sh_ok(&out, "tr , '\\n' <l/index.json | grep -c "
		    "'io.containerd.image.name\":\"docker.io/linuxkit/kernel:6.12'");
	ck_assert_str_eq(out.data, "3\n");
	ck_assert_int_eq(test_kiln(&out, inspect), 0);
	ck_assert_msg(strstr(out.data, "\"variant\": \"v8\"") != NULL, "%s", out.data);
}
END_TEST

Suite *suite_oci_clients(void)
{
	Suite *s = suite_create("oci_clients");
	TCase *each = tcase_create("each compression");
	const TTest *tests[] = {umoci_unpacks, skopeo_inspects_and_copies,
		oci_image_tool_validates_and_unpacks, podman_pulls, podman_loads_exports,
		buildah_mounts, registry_gives_back_the_same, linuxkit_finds_it};

	tcase_set_timeout(each, 120);
	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		tcase_add_loop_test(each, tests[i], 0, (int)ARRAY_LEN(all));
	suite_add_tcase(s, each);
	return s;
}
