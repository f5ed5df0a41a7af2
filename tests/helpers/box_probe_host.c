/* box_probe_host.c: tries to reach the host: its files, processes, network, fds. */
#include <arpa/inet.h>
#include <dirent.h>
#include <linux/fs.h>
#include <net/if.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "tests/helpers/box_probe.h"

static const char *host(const char *name)
{
	const char *value = getenv(name);

	if (!value) {
		fprintf(stderr, "%s is not given\n", name);
		exit(2);
	}
	return value;
}

static int read_host_file(void)
{
	return must_fail(open(host("HOST_FILE"), O_RDONLY), "read a file of the host");
}

static int write_host_file(void)
{
	return must_fail(
		open(host("HOST_FILE"), O_WRONLY), "opened a host file to write");
}

static int climb_out(void)
{
	char path[4096] = "";

	for (int i = 0; i < 40; i++)
		strncat(path, "../", sizeof(path) - strlen(path) - 1);
	strncat(path, host("HOST_FILE") + 1, sizeof(path) - strlen(path) - 1);
	return must_fail(open(path, O_RDONLY), "climbed out by ..");
}

static int escape_chroot(void)
{
	mkdir("/tmp/jail", 0755);
	if (chroot("/tmp/jail"))
		return 0;
	for (int i = 0; i < 40; i++)
		if (chdir(".."))
			break;
	if (chroot("."))
		return 0;
	return must_fail(open(getenv("HOST_FILE"), O_RDONLY), "left a chroot");
}

static int through_proc_root(void)
{
	static const char *const doors[] = {"/proc/1/root", "/proc/1/cwd", "/proc/1/fd/0",
		"/proc/1/environ", "/proc/1/mem", "/proc/1/cmdline", "/proc/1/maps"};

	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++)
		if (open(doors[i], O_RDONLY) >= 0)
			return escaped(doors[i]);
	return 0;
}

static int see_processes(void)
{
	DIR *d = opendir("/proc");
	const struct dirent *entry;
	int seen = 0;

	while (d && (entry = readdir(d)))
		seen += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
	return seen > 1 ? escaped("saw processes besides its own") : 0;
}

static int signal_host(void)
{
	if (kill(atoi(host("HOST_PID")), 0) == 0)
		return escaped("may signal a process of the host");
	return 0;
}

/* Whoever is killed by this, it must not be pid 1 or the host: then nobody would answer.
 */
static int kill_all(void)
{
	pid_t other = fork();

	if (other == 0)
		for (;;)
			pause();
	kill(-1, SIGKILL);
	return 0;
}

static int kill_init(void)
{
	kill(1, SIGKILL);
	kill(1, SIGTERM);
	kill(1, SIGSTOP);
	usleep(20000);
	return 0;
}

static int trace(pid_t pid)
{
	return ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0;
}

static int trace_init(void)
{
	return trace(1) ? escaped("traced pid 1") : 0;
}

static int trace_host(void)
{
	return trace(atoi(host("HOST_PID"))) ? escaped("traced a process of the host")
					     : 0;
}

static int read_memory(void)
{
	char byte;
	struct iovec iov = {&byte, 1}, there = {(void *)0x400000, 1};

	if (syscall(SYS_process_vm_readv, 1, &iov, 1, &there, 1, 0) < 0 && errno == EPERM)
		return 0;
	return escaped("process_vm_readv is not refused");
}

static int reach_network(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((unsigned short)atoi(host("HOST_PORT"))),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return must_fail(connect(fd, (struct sockaddr *)&to, sizeof(to)),
		"connected to a port of the host");
}

static int raise_interface(void)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	return must_fail(ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &r),
		"set a network interface up");
}

static int raw_socket(void)
{
	if (socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0)
		return escaped("made a raw socket");
	return must_fail(socket(AF_PACKET, SOCK_RAW, 0), "made a packet socket");
}

static int see_interfaces(void)
{
	struct if_nameindex *all = if_nameindex();

	for (int i = 0; all && all[i].if_index; i++)
		if (strcmp(all[i].if_name, "lo") != 0)
			return escaped(all[i].if_name);
	return 0;
}

static int abstract_socket(void)
{
	const char *name = host("HOST_ABSTRACT");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	socklen_t len =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));

	memcpy(to.sun_path + 1, name, strlen(name));
	return must_fail(
		connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&to, len),
		"connected to an abstract socket of the host");
}

static int shared_memory(void)
{
	return must_fail(
		shmget(atoi(host("HOST_SHM")), 0, 0), "opened the host's SysV memory");
}

static int leaked_fds(void)
{
	for (int fd = 3; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return escaped("an fd came along");
	return 0;
}

static int link_out(void)
{
	if (link("/given/file", "/linux/linked") == 0 ||
		link("/given/file", "/linked") == 0)
		return escaped("linked a given file");
	return must_fail(linkat(AT_FDCWD, "/proc/self/exe", AT_FDCWD, "/out/linked",
				 AT_SYMLINK_FOLLOW),
		"linked the sysroot's file into the output");
}

static int write_given(void)
{
	if (open("/given/file", O_WRONLY) >= 0 ||
		open("/given/new", O_CREAT | O_WRONLY, 0600) >= 0)
		return escaped("wrote into what was given to read");
	return must_fail(unlink("/given/file"), "removed what was given to read");
}

static int make_immutable(void)
{
	int flags = FS_IMMUTABLE_FL, fd = open("/linux/stuck", O_CREAT | O_RDWR, 0600);

	return must_fail(ioctl(fd, FS_IOC_SETFLAGS, &flags), "made an immutable file");
}

static int read_environment(void)
{
	return getenv("KILN_TEST_SECRET") ? escaped("the caller's environment came along")
					  : 0;
}

/* In the keeper's group, kill(0) would reach processes outside. */
static int own_session(void)
{
	return getsid(0) == getpid() && getpgrp() == getpid()
		       ? 0
		       : escaped("is in a session of the host");
}

/* A process that wants to outlive the build: it keeps the output pipe open. */
static int daemonise(void)
{
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			for (int sig = 1; sig < NSIG; sig++)
				signal(sig, SIG_IGN);
			for (;;)
				pause();
		}
		_exit(0);
	}
	wait(NULL);
	return 0;
}

/* Every process doubles for nine rounds; the first one leaves the rest behind. */
static int fork_bomb(void)
{
	pid_t first = getpid();

	for (int round = 0; round < 9; round++)
		if (fork() == 0)
			setsid();
	if (getpid() == first)
		return 0;
	for (;;)
		pause();
}

static int other_devices(void)
{
	static const char *const known[] = {".", "..", "null", "zero", "full", "random",
		"urandom", "fd", "stdin", "stdout", "stderr", "ptmx", "pts", "shm"};
	DIR *d = opendir("/dev");
	const struct dirent *entry;

	while (d && (entry = readdir(d))) {
		size_t i = 0, n = sizeof(known) / sizeof(known[0]);

		while (i < n && strcmp(entry->d_name, known[i]) != 0)
			i++;
		if (i == n)
			return escaped(entry->d_name);
	}
	return d ? 0 : escaped("no /dev");
}

static int other_terminals(void)
{
	char name[32];

	for (int i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "/dev/pts/%d", i);
		if (open(name, O_RDWR | O_NOCTTY) >= 0)
			return escaped(name);
	}
	return 0;
}

static int read_sys(void)
{
	return must_fail(open("/sys/kernel", O_RDONLY), "there is a /sys");
}

static const struct probe probes[] = {
	PROBE(read_host_file),
	PROBE(write_host_file),
	PROBE(climb_out),
	PROBE(escape_chroot),
	PROBE(through_proc_root),
	PROBE(see_processes),
	PROBE(signal_host),
	PROBE(kill_all),
	PROBE(kill_init),
	PROBE(trace_init),
	PROBE(trace_host),
	PROBE(read_memory),
	PROBE(reach_network),
	PROBE(raise_interface),
	PROBE(raw_socket),
	PROBE(see_interfaces),
	PROBE(abstract_socket),
	PROBE(shared_memory),
	PROBE(other_devices),
	PROBE(other_terminals),
	PROBE(leaked_fds),
	PROBE(read_sys),
	PROBE(link_out),
	PROBE(write_given),
	PROBE(make_immutable),
	PROBE(read_environment),
	PROBE(own_session),
	PROBE(daemonise),
	PROBE(fork_bomb),
	{0},
};

int main(int argc, char **argv)
{
	return probe_main(probes, argc, argv);
}
