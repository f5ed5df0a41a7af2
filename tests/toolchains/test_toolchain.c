/* The tables of architectures and toolchains, held against the programs they speak of. */
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include "orchestrator/base/fs.h"
#include "tests/test.h"
#include "toolchains/arch.h"
#include "toolchains/toolchain.h"

static const struct {
	const char *word, *name;
} names[] = {
	{"x86_64", "x86_64"},
	{"amd64", "x86_64"},
	{"aarch64", "aarch64"},
	{"arm64", "aarch64"},
	{"riscv64", "riscv64"},
};

START_TEST(archs_have_two_names)
{
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		ck_assert_str_eq(arch_find(names[i].word, &e)->name, names[i].name);
	ck_assert_ptr_null(arch_find("mips", &e));
	ck_assert_int_eq(e.code, ERR_USAGE);
	ck_assert_str_eq(
		e.msg, "unknown architecture 'mips'; known are x86_64, aarch64, riscv64");
	ck_assert_ptr_null(arch_find("", &e));
	ck_assert_ptr_null(toolchain_find("tcc", &e));
	ck_assert_int_eq(e.code, ERR_USAGE);
	ck_assert_str_eq(e.msg, "unknown toolchain 'tcc'; known are gcc, clang");
}
END_TEST

static const struct {
	const char *toolchain, *arch, *args, *programs;
} made[] = {
	{"gcc", "x86_64", "ARCH=x86_64 CROSS_COMPILE=x86_64-linux-gnu-",
		"x86_64-linux-gnu-gcc x86_64-linux-gnu-ld"},
	{"gcc", "arm64", "ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-",
		"aarch64-linux-gnu-gcc aarch64-linux-gnu-ld"},
	{"gcc", "riscv64", "ARCH=riscv CROSS_COMPILE=riscv64-linux-gnu-",
		"riscv64-linux-gnu-gcc riscv64-linux-gnu-ld"},
	{"clang", "x86_64", "ARCH=x86_64 CROSS_COMPILE=x86_64-linux-gnu- LLVM=1",
		"clang ld.lld"},
	{"clang", "aarch64", "ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- LLVM=1",
		"clang ld.lld"},
	{"clang", "riscv64", "ARCH=riscv CROSS_COMPILE=riscv64-linux-gnu- LLVM=1",
		"clang ld.lld"},
};

static void check_words(const struct str_vec *words, const char *want)
{
	_buf_ struct buf text = {0};

	STR_VEC_FOREACH (word, words)
		buf_addf(&text, "%s%s", text.len ? " " : "", word);
	ck_assert_str_eq(buf_str(&text), want);
}

START_TEST(make_is_told)
{
	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		_str_vec_ struct str_vec args = {0}, programs = {0};
		struct err e = {0};
		const struct arch *arch = arch_find(made[i].arch, &e);
		const struct toolchain *tc = toolchain_find(made[i].toolchain, &e);

		toolchain_make_args(tc, arch, &args);
		toolchain_programs(tc, arch, &programs);
		check_words(&args, made[i].args);
		check_words(&programs, made[i].programs);
	}
}
END_TEST

/* e_machine of what a command leaves at path. */
static int machine_of(const char *path)
{
	_buf_ struct buf object = {0};
	struct err e = {0};
	Elf64_Ehdr header;

	ck_ok(fs_read(AT_FDCWD, path, 1 << 20, &object, &e), &e);
	ck_assert_uint_ge(object.len, sizeof(header));
	memcpy(&header, object.data, sizeof(header));
	return header.e_machine;
}

/* clang names its targets as kbuild does: by the triple of the arch. */
START_TEST(compilers_agree)
{
	_free_ const char *dir = test_tmpdir();

	for (const struct arch *const *a = arch_all(); *a; a++) {
		_free_ char *gcc = test_path("%s-gcc", (*a)->triple);
		_free_ char *object = test_path("%s/%s.o", dir, (*a)->name);
		_buf_ struct buf out = {0};

		if (test_need(gcc)) {
			ck_assert_int_eq(test_sh(&out, "%s -dumpmachine", gcc), 0);
			ck_assert_str_eq(str_trim(out.data), (*a)->triple);
			ck_assert_int_eq(
				test_sh(&out, "%s -x c -c /dev/null -o %s", gcc, object),
				0);
			ck_assert_int_eq(machine_of(object), (*a)->elf_machine);
		}
		if (test_need("clang")) {
			ck_assert_int_eq(
				test_sh(&out, "clang --target=%s -x c -c /dev/null -o %s",
					(*a)->triple, object),
				0);
			ck_assert_int_eq(machine_of(object), (*a)->elf_machine);
		}
	}
}
END_TEST

START_TEST(debian_agrees)
{
	if (!test_need("dpkg-architecture"))
		return;
	for (const struct arch *const *a = arch_all(); *a; a++) {
		_buf_ struct buf out = {0};

		ck_assert_int_eq(test_sh(&out,
					 "dpkg-architecture -f -a %s -q "
					 "DEB_HOST_GNU_TYPE 2>/dev/null",
					 (*a)->debian),
			0);
		ck_assert_str_eq(str_trim(out.data), (*a)->triple);
	}
}
END_TEST

START_TEST(qemu_agrees)
{
	for (const struct arch *const *a = arch_all(); *a; a++) {
		_buf_ struct buf out = {0};

		if (!test_need((*a)->qemu))
			continue;
		ck_assert_int_eq(
			test_sh(&out,
				"%s -M help | grep -qw '^%s' && %s -M %s -cpu help |"
				"grep -qw -e %s",
				(*a)->qemu, (*a)->qemu_machine, (*a)->qemu,
				(*a)->qemu_machine, (*a)->qemu_cpu),
			0);
	}
}
END_TEST

/* What ccache must see through, or a changed file would ship in its old form: the
 * certificates and the real mode code come into a kernel by these words. */
static const struct {
	const char *name, *source;
} sources[] = {
	{"space.S", "\t.incbin \"payload\"\n"},
	{"tab.S", "\t.incbin\t\"payload\"\n"},
	{"macro.S", "#define IN .incbin\n\tIN \"payload\"\n"},
	{"inline.c", "asm(\"\t.incbin \\\"payload\\\"\\n\");\n"},
};

START_TEST(ccache_sees_incbin)
{
	_free_ const char *dir = test_tmpdir();

	if (!test_need("ccache"))
		return;
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		_free_ char *source = test_path("%s/%s", dir, sources[i].name);

		test_write(source, sources[i].source);
		for (int round = 1; round <= 2; round++) {
			_buf_ struct buf out = {0};

			ck_assert_int_eq(
				test_sh(&out,
					"cd %s && printf round%d >payload && "
					"CCACHE_DIR=%s/cache ccache gcc -c %s -o o.o && "
					"grep -c round%d o.o",
					dir, round, dir, sources[i].name, round),
				0);
		}
	}
}
END_TEST

Suite *suite_toolchain(void);
Suite *suite_toolchain(void)
{
	Suite *s = suite_create("toolchain");

	test_case(s, "tables", 60, archs_have_two_names, make_is_told, compilers_agree,
		debian_agrees, qemu_agrees, ccache_sees_incbin);
	return s;
}
