#include "kernel/config_merge.h"
#include "kernel/config_repro.h"

static const struct {
	const char *name;
	const char *what; /* it does to a build, and kiln about it */
} sources[] = {
	{"MODULE_SIG", "kbuild would make a new signing key for every build; kiln lets "
		       "it make none: "
		       "the key is the file of --module-key"},
	{"RANDSTRUCT_FULL", "a new random seed lays out the structures of every build; "
			    "kiln builds it as "
			    "asked, and no two builds are the same"},
	{"RANDSTRUCT_PERFORMANCE", "a new random seed lays out the structures of every "
				   "build; kiln builds it as "
				   "asked, and no two builds are the same"},
	{"GCC_PLUGIN_RANDSTRUCT", "a new random seed lays out the structures of every "
				  "build; kiln builds it as "
				  "asked, and no two builds are the same"},
	{"GCC_PLUGIN_LATENT_ENTROPY", "the compiler puts random numbers into the code; "
				      "kiln builds it as asked, and "
				      "no two builds are the same"},
	{"IKHEADERS",
		"an archive of headers with their times goes into the kernel; kiln gives "
		"kbuild one date for all of them"},
	{"DEBUG_INFO_BTF", "pahole on several threads numbers types by chance; kiln has "
			   "it run on one"},
	{"LOCALVERSION_AUTO", "the state of a git work tree goes into the release; "
			      "kiln's tree has no .git, "
			      "and LOCALVERSION is given"},
	{"GCOV_KERNEL", "paths of the build go into the kernel; kiln always builds at "
			"the same path"},
};

int config_nondeterminism(
	const struct config_request *request, struct str_vec *lines, struct err *e)
{
	_config_set_ struct config_set asked = {0};
	_buf_ struct buf text = {0};

	if (config_merge(request, &text, &asked, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		const struct config_entry *entry = config_find(&asked, sources[i].name);

		if (entry && !str_eq(entry->value, "n"))
			str_vec_addf(lines, "CONFIG_%s=%s (%s:%u): %s", entry->name,
				entry->value, entry->file, entry->line, sources[i].what);
	}
	return 0;
}

int config_without_key(const struct config_request *request, struct err *e)
{
	_config_set_ struct config_set asked = {0};
	_buf_ struct buf text = {0};
	const struct config_entry *entry;

	if (config_merge(request, &text, &asked, e) < 0)
		return -1;
	entry = config_find(&asked, "MODULE_SIG");
	if (!entry || !str_eq(entry->value, "y"))
		return 0;
	return err_set(e, ERR_USAGE, "%s:%u: " CONFIG_SIGNING_NEEDS_KEY, entry->file,
		entry->line);
}
