#include <elf.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "kernel/elf.h"
#include "orchestrator/base/mem.h"

#ifndef EM_RISCV
#define EM_RISCV 243
#endif

static void elf_end_ptr(Elf **elf)
{
	if (*elf)
		elf_end(*elf);
}
#define _elf_ __attribute__((cleanup(elf_end_ptr)))

const char *elf_machine_name(int machine)
{
	static const struct {
		int machine;
		const char *name;
	} known[] = {
		{EM_X86_64, "x86-64"},
		{EM_AARCH64, "AArch64"},
		{EM_RISCV, "RISC-V"},
		{EM_386, "i386"},
		{EM_ARM, "ARM"},
	};
	static char other[32];

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].machine == machine)
			return known[i].name;
	snprintf(other, sizeof(other), "machine %d", machine);
	return other;
}

/* .modinfo is a run of "key=value" strings, each with its NUL. */
static void read_modinfo(const Elf_Data *data, struct elf_facts *facts)
{
	static const char key[] = "vermagic=";
	const char *p = data->d_buf, *end = p + data->d_size;

	while (p && p < end) {
		size_t n = strnlen(p, (size_t)(end - p));

		if (n >= sizeof(key) - 1 && memcmp(p, key, sizeof(key) - 1) == 0)
			snprintf(facts->vermagic, sizeof(facts->vermagic), "%.*s",
				(int)(n - (sizeof(key) - 1)), p + sizeof(key) - 1);
		p += n + 1;
	}
}

static void read_notes(Elf_Data *data, struct elf_facts *facts)
{
	size_t pos = 0, name, desc;
	GElf_Nhdr note;

	while ((pos = gelf_getnote(data, pos, &note, &name, &desc)) > 0) {
		const unsigned char *id = (const unsigned char *)data->d_buf + desc;

		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof("GNU") ||
			memcmp((const char *)data->d_buf + name, "GNU", sizeof("GNU")) ||
			note.n_descsz * 2 >= sizeof(facts->build_id))
			continue;
		for (size_t i = 0; i < note.n_descsz; i++)
			snprintf(facts->build_id + 2 * i, 3, "%02x", id[i]);
	}
}

static void read_section(Elf *elf, Elf_Scn *scn, size_t names, struct elf_facts *facts)
{
	GElf_Shdr header;
	const char *name;
	Elf_Data *data;

	if (!gelf_getshdr(scn, &header))
		return;
	name = elf_strptr(elf, names, header.sh_name);
	if (name && strcmp(name, ".interp") == 0)
		facts->is_static = 0;
	if (header.sh_type != SHT_NOTE && !(name && strcmp(name, ".modinfo") == 0))
		return;
	data = elf_getdata(scn, NULL);
	if (!data || !data->d_buf)
		return;
	if (header.sh_type == SHT_NOTE)
		read_notes(data, facts);
	else
		read_modinfo(data, facts);
}

int elf_read(int dirfd, const char *path, const char *shown, struct elf_facts *facts,
	struct err *e)
{
	_close_ int fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_elf_ Elf *elf = NULL;
	Elf_Scn *scn = NULL;
	GElf_Ehdr header;
	size_t names;

	*facts = (struct elf_facts){.is_static = 1};
	if (fd < 0)
		return err_sys(e, "%s", shown);
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header) ||
		elf_getshdrstrndx(elf, &names))
		return err_set(e, ERR_BUILD, "%s: is no ELF file", shown);
	facts->machine = header.e_machine;
	facts->is_static = header.e_type == ET_EXEC || header.e_type == ET_DYN;
	while ((scn = elf_nextscn(elf, scn)))
		read_section(elf, scn, names, facts);
	return 0;
}

static bool find_symbol(Elf *elf, const char *name, GElf_Sym *symbol)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr header;
		Elf_Data *data;

		if (!gelf_getshdr(scn, &header) || header.sh_type != SHT_SYMTAB ||
			!header.sh_entsize || !(data = elf_getdata(scn, NULL)))
			continue;
		for (size_t i = 0; i < header.sh_size / header.sh_entsize; i++) {
			const char *found;

			if (!gelf_getsym(data, (int)i, symbol))
				break;
			found = elf_strptr(elf, header.sh_link, symbol->st_name);
			if (found && strcmp(found, name) == 0)
				return true;
		}
	}
	return false;
}

/* The bytes at a symbol's address, up to the end of its section. */
static const char *symbol_bytes(Elf *elf, const char *name, size_t *available)
{
	GElf_Shdr header;
	GElf_Sym symbol;
	Elf_Data *data;
	Elf_Scn *scn;
	uint64_t at;

	if (!find_symbol(elf, name, &symbol))
		return NULL;
	scn = elf_getscn(elf, symbol.st_shndx);
	if (!scn || !gelf_getshdr(scn, &header) || !(data = elf_getdata(scn, NULL)))
		return NULL;
	at = symbol.st_value - header.sh_addr;
	if (!data->d_buf || at >= data->d_size)
		return NULL;
	*available = data->d_size - at;
	return (const char *)data->d_buf + at;
}

int elf_read_symbol(const char *path, const char *name, const char *size_name, size_t len,
	struct buf *out, struct err *e)
{
	_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_elf_ Elf *elf = NULL;
	const char *bytes, *size;
	size_t available = 0, have = 0;
	uint64_t wanted = len;

	if (fd < 0)
		return err_sys(e, "%s", path);
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	size = elf && !len ? symbol_bytes(elf, size_name, &have) : NULL;
	if (size && have >= sizeof(wanted))
		memcpy(&wanted, size, sizeof(wanted));
	bytes = elf ? symbol_bytes(elf, name, &available) : NULL;
	if (!bytes || !wanted || wanted > available)
		return err_set(e, ERR_BUILD, "%s: has no symbol %s", path, name);
	buf_add(out, bytes, wanted);
	return 0;
}
