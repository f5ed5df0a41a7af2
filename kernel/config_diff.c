#include "kernel/config_diff.h"

static void add_names(const struct config_set *set, struct str_vec *names)
{
	for (size_t i = 0; i < set->len; i++)
		str_vec_add(names, set->entries[i].name);
}

size_t config_diff(
	const struct config_set *a, const struct config_set *b, struct buf *out)
{
	_str_vec_ struct str_vec names = {0};
	const char *last = NULL;
	size_t count = 0;

	add_names(a, &names);
	add_names(b, &names);
	str_vec_sort(&names);
	STR_VEC_FOREACH (name, &names) {
		const char *in_a = config_value(a, name), *in_b = config_value(b, name);
		bool seen = str_eq(name, last);

		last = name;
		if (seen || str_eq(in_a, in_b))
			continue;
		count++;
		if (str_eq(in_b, "n"))
			buf_addf(out, "-CONFIG_%s=%s\n", name, in_a);
		else if (str_eq(in_a, "n"))
			buf_addf(out, "+CONFIG_%s=%s\n", name, in_b);
		else
			buf_addf(out, " CONFIG_%s=%s -> %s\n", name, in_a, in_b);
	}
	return count;
}

static bool in_all(const struct config_set *const *sets, size_t count,
	const struct config_entry *entry)
{
	for (size_t i = 0; i < count; i++) {
		const struct config_entry *other = config_find(sets[i], entry->name);

		if (!other || !str_eq(other->value, entry->value))
			return false;
	}
	return true;
}

void config_split(const struct config_set *const *sets, size_t count, struct buf *common,
	struct buf *parts)
{
	for (size_t i = 0; i < count; i++)
		for (size_t n = 0; n < sets[i]->len; n++) {
			const struct config_entry *entry = &sets[i]->entries[n];
			bool shared = in_all(sets, count, entry);

			if (!shared)
				config_line(&parts[i], entry->name, entry->value);
			else if (i == 0)
				config_line(common, entry->name, entry->value);
		}
}
