/* pid 1 of a machine that loads /hello_world.ko, unloads it, and says how that went. No
 * libc, so that any cross compiler makes it. */
#if defined(__x86_64__)
#define SYS_write	  1
#define SYS_open	  2
#define SYS_reboot	  169
#define SYS_delete_module 176
#define SYS_finit_module  313
#else /* the generic table */
#define SYS_write	  64
#define SYS_reboot	  142
#define SYS_delete_module 106
#define SYS_finit_module  273
#define SYS_openat	  56
#endif

static long call(long n, long a, long b, long c, long d)
{
#if defined(__x86_64__)
	long r;
	register long r10 __asm__("r10") = d;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return r;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3)
			 : "memory");
	return x0;
#else
	register long a7 __asm__("a7") = n;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;

	__asm__ volatile("ecall"
			 : "+r"(a0)
			 : "r"(a7), "r"(a1), "r"(a2), "r"(a3)
			 : "memory");
	return a0;
#endif
}

static long open_file(const char *path)
{
#if defined(SYS_open)
	return call(SYS_open, (long)path, 0, 0, 0);
#else
	return call(SYS_openat, -100, (long)path, 0, 0);
#endif
}

static void say(const char *text)
{
	long n = 0;

	while (text[n])
		n++;
	call(SYS_write, 1, (long)text, n, 0);
}

void _start(void)
{
	long fd = open_file("/hello_world.ko");

	if (fd < 0)
		say("KILN: no module\n");
	else if (call(SYS_finit_module, fd, (long)"", 0, 0))
		say("KILN: not loaded\n");
	else if (call(SYS_delete_module, (long)"hello_world", 0, 0, 0))
		say("KILN: not unloaded\n");
	else
		say("KILN: loaded and unloaded\n");
	for (;;) /* restart; qemu -no-reboot ends */
		call(SYS_reboot, 0xfee1deadL, 672274793, 0x1234567, 0);
}
