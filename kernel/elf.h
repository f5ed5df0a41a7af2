/* elf.h: what kiln asks of ELF files that a build made; the only door to libelf. */
#ifndef KILN_ELF_H
#define KILN_ELF_H

#include <stddef.h>
#include <stdint.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

struct elf_facts {
	int machine;	    /* EM_* */
	char build_id[129]; /* hex; "" if there is none */
	char vermagic[256]; /* of a module; "" if there is none */
	int is_static;	    /* an executable without an interpreter */
};

/* Reads an ELF file, called shown in errors; never follows a link at the end of path.
 * ERR_BUILD on what is no ELF. */
int elf_read(int dirfd, const char *path, const char *shown, struct elf_facts *facts,
	struct err *e);
/* Appends len bytes at a symbol of an executable to out; len 0: as many as the unsigned
 * number at the symbol size_name says. ERR_BUILD where a symbol is missing. */
int elf_read_symbol(const char *path, const char *name, const char *size_name, size_t len,
	struct buf *out, struct err *e);
/* Name of a machine for people: "x86-64", "AArch64", "machine 40"; static buffer. */
const char *elf_machine_name(int machine);

#endif
