#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "tests/base/pgp_keys.h"
#include "tests/test.h"

static char *home;

void pgp_start(void)
{
	free(home);
	home = xstrdup(test_tmpdir());
	ck_assert_int_eq(chmod(home, 0700), 0);
	setenv("GNUPGHOME", home, 1);
}

void pgp_end(void)
{
	test_sh(NULL, "gpgconf --kill all");
}

void pgp_run(const char *fmt, ...)
{
	char words[2048];
	_buf_ struct buf out = {0};
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	int status = test_sh(&out, "gpg --batch --yes --quiet --passphrase '' %s", words);
	ck_assert_msg(status == 0, "gpg %s: %s", words, buf_str(&out));
}

char *pgp_key(const char *name, const char *algo, const char *expires, const char *when)
{
	_buf_ struct buf out = {0};
	pgp_run("%s%s --quick-gen-key '%s <%s@test.invalid>' %s%s %s",
		when ? "--faked-system-time " : "", when ? when : "", name, name, algo,
		strchr(algo, ' ') ? "" : " sign", expires);
	ck_assert_int_eq(test_sh(&out,
				 "gpg --batch --with-colons -k %s@test.invalid "
				 "2>/dev/null | awk -F: '/^fpr/ "
				 "{print $10; exit}'",
				 name),
		0);
	return xstrdup(str_trim(out.data));
}

void pgp_revoke(const char *name)
{
	_buf_ struct buf out = {0};
	int status = test_sh(&out,
		"f=$(gpg --batch --with-colons -k %s@test.invalid 2>/dev/null | awk -F: "
		"'/^fpr/ "
		"{print $10; "
		"exit}') && sed 's/^:-----BEGIN/-----BEGIN/' "
		"\"$GNUPGHOME/openpgp-revocs.d/$f.rev\" | gpg --batch --quiet --import",
		name);
	ck_assert_msg(status == 0, "%s", buf_str(&out));
}

void pgp_export(const char *path, const char *const *names)
{
	_buf_ struct buf list = {0};
	for (; *names; names++)
		buf_addf(&list, " %s@test.invalid", *names);
	pgp_run("%s --output '%s' --export %s", str_ends(path, ".asc") ? "--armor" : "",
		path, buf_str(&list));
}
