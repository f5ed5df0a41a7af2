#include <fcntl.h>
#include <stdlib.h>
#include "kernel/module_sign.h"
#include "orchestrator/base/fs.h"
#include "tests/kernel/kernel_test.h"
#include "tests/test.h"

/* A key, and another one. */
#define KEYS                                                                             \
	"set -e; cd %s; for k in one two; do "                                           \
	"openssl req -new -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=$k -keyout "   \
	"$k.key "                                                                        \
	"-out $k.crt 2>/dev/null; cat $k.key $k.crt >$k.pem; "                           \
	"openssl x509 -in $k.crt -outform DER -out $k.der; done"
/* A vmlinux that has the certificate where the kernel has it. */
#define VMLINUX                                                                          \
	"set -e; cd %s; printf '.section .init.rodata,\"a\"\\n.globl "                   \
	"system_certificate_list\\n.quad 7\\nsystem_certificate_list:\\na: .incbin "     \
	"\"one.der\"\\nb:\\n.balign 8\\n.globl module_cert_size\\nmodule_cert_size: "    \
	".quad "                                                                         \
	"b - a\\n.globl _start\\n_start: .quad 0\\n' >v.S; gcc -nostdlib -static -o "    \
	"vmlinux v.S"
/* What scripts/sign-file appends: PKCS#7, twelve bytes, a line. $1 key, $2 module. */
#define SIGN                                                                             \
	"sign() { openssl cms -sign -binary -noattr -nocerts -outform DER -md sha256 "   \
	"-signer $1.crt -inkey $1.key -in $2 -out $2.sig; n=$(stat -c %%s $2.sig); "     \
	"{ cat $2.sig; printf '\\0\\0\\002\\0\\0\\0\\0\\0\\0\\0'; "                      \
	"printf \"\\\\$(printf %%o $((n / 256)))\\\\$(printf %%o $((n %% 256)))\"; "     \
	"echo '~Module signature appended~'; } >>$2; rm $2.sig; };"

static const char *make_dir(void)
{
	const char *dir = kept_path("%s/sign", test_tmpdir());
	struct err e = {0};

	ck_ok(fs_mkdirs(AT_FDCWD, kept_path("%s/modules/lib", dir), 0755, &e), &e);
	ck_assert_int_eq(test_sh(NULL, KEYS, dir), 0);
	ck_assert_int_eq(test_sh(NULL, VMLINUX, dir), 0);
	return dir;
}

static const struct {
	const char *make, *msg; /* msg NULL: taken */
} cases[] = {
	{"sign one $m", NULL},
	{"true", "lib/a.ko: carries no signature"},
	{"sign two $m",
		"lib/a.ko: its signature is not by the certificate in the kernel (signer "
		"certificate not found)"},
	{"sign one $m; printf X | dd of=$m conv=notrunc 2>/dev/null",
		"lib/a.ko: its signature is not by the certificate in the kernel "
		"(content "
		"verify error)"},
	/* Something after the signature: the magic line is no longer the end. */
	{"sign one $m; echo x >>$m", "lib/a.ko: carries no signature"},
	{"sign one $m; { head -c -36 $m; printf '\\377\\377\\377\\377'; tail -c 28 $m; } "
	 ">$m.x; "
	 "mv $m.x $m",
		"lib/a.ko: carries no signature"},
};

START_TEST(every_module_is_checked)
{
	const char *dir, *vmlinux;

	if (!test_need("openssl") || !test_need("gcc"))
		return;
	dir = make_dir();
	vmlinux = kept_path("%s/vmlinux", dir);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_close_ int out = -1;
		struct err e = {0};

		ck_assert_int_eq(test_sh(NULL,
					 SIGN "set -e; cd %s; m=modules/lib/a.ko; "
					      "head -c 5000 /dev/zero >$m; %s",
					 dir, cases[i].make),
			0);
		out = fs_open_dir(AT_FDCWD, dir, &e);
		ck_ok(out, &e);
		if (cases[i].msg)
			ck_fails(module_sign_check(out, vmlinux, &e), &e, ERR_BUILD,
				cases[i].msg);
		else
			ck_ok(module_sign_check(out, vmlinux, &e), &e);
	}
}
END_TEST

START_TEST(fingerprint_is_the_certificates)
{
	_buf_ struct buf want = {0};
	char hex[SHA256_HEX_LEN + 1];
	struct err e = {0};
	const char *dir;

	if (!test_need("openssl") || !test_need("gcc"))
		return;
	dir = make_dir();
	ck_ok(module_key_fingerprint(kept_path("%s/one.pem", dir), hex, &e), &e);
	ck_assert_int_eq(test_sh(&want, "sha256sum <%s/one.der | cut -d' ' -f1", dir), 0);
	ck_assert_str_eq(str_trim(want.data), hex);
	ck_fails(module_key_fingerprint(kept_path("%s/one.crt", dir), hex, &e), &e,
		ERR_USAGE,
		kept_path("%s/one.crt: a module key is a PEM file with a private key (no "
			  "passphrase) and its certificate; the private key is missing",
			dir));
	ck_fails(module_key_fingerprint(kept_path("%s/one.key", dir), hex, &e), &e,
		ERR_USAGE,
		kept_path("%s/one.key: a module key is a PEM file with a private key (no "
			  "passphrase) and its certificate; the certificate is missing",
			dir));
	ck_assert_int_eq(
		test_sh(NULL, "cat %s/one.key %s/two.crt >%s/mixed.pem", dir, dir, dir),
		0);
	ck_fails(module_key_fingerprint(kept_path("%s/mixed.pem", dir), hex, &e), &e,
		ERR_USAGE,
		kept_path("%s/mixed.pem: the certificate does not belong to the private "
			  "key",
			dir));
}
END_TEST

Suite *suite_module_sign(void);
Suite *suite_module_sign(void)
{
	Suite *s = suite_create("module_sign");

	test_case(s, "signatures", 60, every_module_is_checked,
		fingerprint_is_the_certificates);
	return s;
}
