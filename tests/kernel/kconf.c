#include <stdlib.h>
#include <unistd.h>
#include "tests/kernel/kconf.h"
#include "tests/test.h"

/* Debian builds conf with the kernel: any version of it speaks the same language. */
static const char find_script[] =
	"ls -d /usr/lib/linux-kbuild-*/scripts/kconfig/conf 2>/dev/null | tail -n 1";
static const char fetch_script[] =
	"cd %s && p=$(apt-cache pkgnames linux-kbuild- | sort -V | tail -n 1) && test -n "
	"\"$p\" "
	"&& apt-get download -qq $p >/dev/null 2>&1 && dpkg-deb -x $p*.deb . && "
	"ls -d $PWD/usr/lib/*/scripts/kconfig/conf";

const char *kconf(void)
{
	static const char *path;
	static pid_t asked_by;
	_buf_ struct buf out = {0};

	if (asked_by == getpid())
		return path;
	asked_by = getpid();
	path = NULL;
	if (test_sh(&out, find_script) != 0 || !out.len)
		test_sh(&out, fetch_script, test_tmpdir());
	if (out.len && out.data[0] == '/')
		path = xstrdup(str_trim(out.data));
	return path;
}

bool kconf_need(void)
{
	return test_need_that(kconf() && access(kconf(), X_OK) == 0,
		"kconfig's conf (Debian package linux-kbuild-*)");
}
