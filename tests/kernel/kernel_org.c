#include <stdlib.h>
#include <unistd.h>
#include "tests/base/pgp_keys.h"
#include "tests/kernel/kernel_org.h"
#include "tests/test.h"

static const char recipe[] =
	"set -e\n"
	"g() { gpg --batch --yes --quiet --passphrase '' \"$@\" 2>/dev/null; }\n"
	"tree() { v=$1; a=${v%%.*}; r=${v#*.}; b=${r%%.*}; c=${r#$b}; c=${c#.}\n"
	"	mkdir -p linux-$v/kernel linux-$v/scripts\n"
	"	printf '# SPDX\\nVERSION = %s\\nPATCHLEVEL = %s\\nSUBLEVEL = "
	"%s\\nEXTRAVERSION =\\n' "
	"$a $b ${c:-0} > linux-$v/Makefile\n"
	"	echo 'mainmenu \"x\"' > linux-$v/Kconfig\n"
	"	printf 'int x;\\n' > linux-$v/kernel/x.c\n"
	"	printf '#!/bin/sh\\n' > linux-$v/scripts/run; chmod 755 "
	"linux-$v/scripts/run\n"
	"	ln -s ../Kconfig linux-$v/kernel/link\n"
	"	head -c 400000 /dev/urandom > linux-$v/kernel/blob\n"
	"	find linux-$v -exec touch -h -d @1700000000 {} +\n"
	"	touch -d @1700000123 linux-$v/kernel/x.c\n"
	"	tar cf linux-$v.tar linux-$v; rm -r linux-$v\n"
	"	g -u dev@test.invalid --armor --output linux-$v.tar.sign --detach-sign "
	"linux-$v.tar\n"
	"	xz -1 $2 linux-$v.tar; }\n"
	"queue() { v=$1; mkdir patches\n"
	"	printf '# the queue\\n\\nb.patch\\na.patch -p1 # last\\n' > "
	"patches/series\n"
	"	echo a > patches/a.patch; echo b > patches/b.patch\n"
	"	tar cf patches-$v.tar patches; rm -r patches\n"
	"	g -u dev@test.invalid --armor --output patches-$v.tar.sign --detach-sign "
	"patches-$v.tar\n"
	"	xz patches-$v.tar; }\n"
	"mkdir -p v6.x projects/rt/6.1/older\n"
	"cd v6.x; tree 6.1.8; tree 6.1.9; tree 6.1.10 --block-size=64KiB; tree 6.12\n"
	"cd ../projects/rt/6.1; queue 6.1.9-rt3; cd older; queue 6.1.8-rt1\n";

void kernel_org_sign_sums(
	const struct kernel_org *k, const char *dir, const char *key, const char *options)
{
	_buf_ struct buf out = {0};
	int status = test_sh(&out,
		"cd '%s/%s' && sha256sum *.tar.xz > list && gpg --batch --yes --quiet %s "
		"-u "
		"%s@test.invalid --output sha256sums.asc --clearsign list && rm list",
		k->dir, dir, options, key);
	ck_assert_msg(status == 0, "%s", buf_str(&out));
}

void kernel_org_make(struct kernel_org *k)
{
	_buf_ struct buf out = {0};
	static const char *const autos[] = {"auto", NULL}, *const devs[] = {"dev", NULL};
	k->dir = xstrdup(test_tmpdir());
	k->keys = xstrdup(test_tmpdir());
	pgp_start();
	free(pgp_key("auto", "rsa2048", "never", "20200101T000000"));
	free(pgp_key("dev", "ed25519", "never", NULL));
	free(pgp_key("stranger", "ed25519", "never", NULL));
	_free_ char *sums = test_path("%s/sums.asc", k->keys);
	_free_ char *developers = test_path("%s/developers.asc", k->keys);
	pgp_export(sums, autos);
	pgp_export(developers, devs);
	int status = test_sh(&out, "cd '%s' && %s", k->dir, recipe);
	ck_assert_msg(status == 0, "%s", buf_str(&out));
	kernel_org_sign_sums(k, "v6.x", "auto", "");
	kernel_org_sign_sums(k, "projects/rt/6.1", "auto", "");
	kernel_org_sign_sums(k, "projects/rt/6.1/older", "auto", "");
}

void kernel_org_free(struct kernel_org *k)
{
	free(k->dir);
	free(k->keys);
	pgp_end();
	unsetenv("GNUPGHOME");
}
