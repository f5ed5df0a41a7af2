/* The box from the inside: everything that tests/helpers/box_probe_*.c try must fail. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "tests/sysroot/box_fixture.h"

static const char *const programs[] = {"box_probe_host", "box_probe_kernel"};

/* Things of the host that a probe may find if a wall has a hole. */
struct bait {
	int tcp, abstract, shm, pty, pty_master;
	const char *env[8]; /* NULL-ended */
};

static int listen_tcp(unsigned short *port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static int listen_abstract(const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	socklen_t len =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(at.sun_path + 1, name, strlen(name));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	return fd;
}

static void bait_lay(struct bait *b, const struct box_fixture *f)
{
	_free_ char *name = test_path("kiln-test-%d", (int)getpid());
	const char *secret = box_path(f, "secret");
	unsigned short port;
	key_t key = (key_t)(0x6b000000 | (getpid() & 0xffffff));

	test_write(secret, "secret\n");
	b->tcp = listen_tcp(&port);
	b->abstract = listen_abstract(name);
	b->shm = shmget(key, 4096, IPC_CREAT | 0600);
	ck_assert_int_ge(b->shm, 0);
	ck_assert_int_eq(openpty(&b->pty_master, &b->pty, NULL, NULL, NULL), 0);
	b->env[0] = box_text("HOST_FILE=%s", secret);
	b->env[1] = box_text("HOST_DIR=%s", f->dir);
	b->env[2] = box_text("HOST_PID=%d", (int)getpid());
	b->env[3] = box_text("HOST_PORT=%d", port);
	b->env[4] = box_text("HOST_ABSTRACT=%s", name);
	b->env[5] = box_text("HOST_SHM=%d", (int)key);
	setenv("KILN_TEST_SECRET", "1", 1);
}

static void bait_remove(struct bait *b)
{
	shmctl(b->shm, IPC_RMID, NULL);
	close(b->tcp);
	close(b->abstract);
	close(b->pty);
	close(b->pty_master);
}

static void list_probes(const char *program, struct str_vec *names)
{
	const char *argv[] = {
		box_text("%s/tests/helpers/%s", test_build_dir(), program), NULL};
	_buf_ struct buf out = {0};

	ck_assert_int_eq(test_run(&out, argv), 0);
	str_split(names, out.data, "\n");
}

static void run_probe(struct box_fixture *f, const struct bait *b, const char *program,
	const char *name)
{
	const char *argv[] = {program, name, NULL};
	_buf_ struct buf out = {0};
	int status;

	f->env[0] = "PATH=/bin";
	for (size_t i = 0; i <= 6; i++)
		f->env[i + 1] = b->env[i];
	f->box.in = b->pty;
	status = box_fixture_run(f, &out, argv);
	ck_assert_msg(status == 0, "%s: status %d: %s", name, status, buf_str(&out));
}

/* fds that a careless caller leaves open: none of them may get in. */
static void leak_fds(void)
{
	ck_assert_int_ge(open("/", O_RDONLY | O_DIRECTORY), 0);
	ck_assert_int_ge(dup2(0, 200), 0);
}

START_TEST(probes_are_contained)
{
	struct box_fixture f;
	struct bait b = {.tcp = -1, .abstract = -1};
	size_t count = 0;

	if (!box_fixture(&f))
		return;
	bait_lay(&b, &f);
	leak_fds();
	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		_str_vec_ struct str_vec names = {0};

		list_probes(programs[i], &names);
		count += names.len;
		STR_VEC_FOREACH (name, &names)
			run_probe(&f, &b, programs[i], name);
	}
	ck_assert_uint_ge(count, 30);
	bait_remove(&b);
	_free_ char *secret = test_read(box_path(&f, "secret"));
	_free_ char *given = test_read(box_path(&f, "given/file"));

	ck_assert_str_eq(secret, "secret\n");
	ck_assert_str_eq(given, "given\n");
}
END_TEST

/* A person's shell keeps the terminal, but may not type into it either. */
START_TEST(terminal_is_not_typed_into)
{
	static const char *const names[] = {
		"type_for_the_user", "type_for_the_user_high", "paste_for_the_user"};
	struct box_fixture f;
	struct bait b = {.tcp = -1, .abstract = -1};

	if (!box_fixture(&f))
		return;
	bait_lay(&b, &f);
	f.box.tty = true;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		run_probe(&f, &b, "box_probe_kernel", names[i]);
	bait_remove(&b);
}
END_TEST

/* Without a box these must get through: a probe that finds nothing proves nothing. */
START_TEST(probes_can_see)
{
	static const char *const names[] = {"read_host_file", "write_host_file",
		"climb_out", "see_processes", "signal_host", "reach_network",
		"abstract_socket", "shared_memory", "other_devices", "leaked_fds",
		"read_environment", "read_sys"};
	struct box_fixture f;
	struct bait b = {.tcp = -1, .abstract = -1};
	const char *probe = box_text("%s/tests/helpers/box_probe_host", test_build_dir());

	if (!box_fixture(&f))
		return;
	bait_lay(&b, &f);
	for (size_t i = 0; b.env[i]; i++)
		putenv((char *)b.env[i]);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		_buf_ struct buf out = {0};
		int status = test_sh(&out, "exec 7</; exec %s %s", probe, names[i]);

		ck_assert_msg(status == 1, "%s: status %d: %s", names[i], status,
			buf_str(&out));
	}
	bait_remove(&b);
}
END_TEST

Suite *suite_box_probes(void);
Suite *suite_box_probes(void)
{
	Suite *s = suite_create("box_probes");

	test_case(s, "probes", 120, probes_are_contained, terminal_is_not_typed_into,
		probes_can_see);
	return s;
}
