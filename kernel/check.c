#include <fcntl.h>
#include <string.h>
#include "kernel/check.h"
#include "kernel/elf.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/str.h"

static int check_elf(const struct elf_facts *facts, const char *name,
	const struct arch *arch, struct err *e)
{
	if (facts->machine != arch->elf_machine)
		return err_set(e, ERR_BUILD, "%s: is for %s, but the target is %s", name,
			elf_machine_name(facts->machine), arch->name);
	if (!*facts->build_id)
		return err_set(e, ERR_BUILD, "%s: carries no build id", name);
	return 0;
}

int check_kernel(const char *vmlinux, const struct arch *arch, struct err *e)
{
	struct elf_facts facts;

	if (elf_read(AT_FDCWD, vmlinux, "vmlinux", &facts, e))
		return -1;
	return check_elf(&facts, "vmlinux", arch, e);
}

int check_program(int dirfd, const char *path, const struct arch *arch, struct err *e)
{
	struct elf_facts facts;

	if (elf_read(dirfd, path, path, &facts, e) || check_elf(&facts, path, arch, e))
		return -1;
	if (!facts.is_static)
		return err_set(e, ERR_BUILD, "%s: is not linked statically", path);
	return 0;
}

struct modules {
	const char *release;
	const struct arch *arch;
};

/* "6.1.176-linuxkit SMP mod_unload modversions ": the release up to the first blank. */
static bool is_release(const char *vermagic, const char *release)
{
	size_t n = strlen(release);

	return strncmp(vermagic, release, n) == 0 && vermagic[n] == ' ';
}

static int check_module(const struct fs_entry *entry, void *arg, struct err *e)
{
	const struct modules *m = arg;
	struct elf_facts facts;

	if (!S_ISREG(entry->st->st_mode) || !str_ends(entry->name, ".ko"))
		return 0;
	if (elf_read(entry->parent_fd, entry->name, entry->rel, &facts, e) ||
		check_elf(&facts, entry->rel, m->arch, e))
		return -1;
	if (!is_release(facts.vermagic, m->release))
		return err_set(e, ERR_BUILD,
			"%s: has vermagic '%s', but the release is %s", entry->rel,
			facts.vermagic, m->release);
	return 0;
}

int check_modules(int out, const char *release, const struct arch *arch, struct err *e)
{
	struct modules m = {release, arch};

	return fs_walk(out, "modules", check_module, &m, e);
}
