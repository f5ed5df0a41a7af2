/* debian_multiarch.c: several architectures, said in words that one architecture has. */
#include <stdlib.h>
#include "sysroot/debian.h"

/* Open addressing; the strings are copies. */
struct name_set {
	char **slots;
	size_t len, room; /* room is a power of two */
};

static size_t hash(const char *s, size_t len)
{
	size_t h = 14695981039346656037ULL;

	while (len--)
		h = (h ^ (unsigned char)*s++) * 1099511628211ULL;
	return h;
}

static char **slot_of(const struct name_set *s, const char *name, size_t len)
{
	size_t i = hash(name, len) & (s->room - 1);

	while (s->slots[i] &&
		(strncmp(s->slots[i], name, len) != 0 || s->slots[i][len] != '\0'))
		i = (i + 1) & (s->room - 1);
	return &s->slots[i];
}

static void set_grow(struct name_set *s)
{
	struct name_set bigger = {.len = s->len, .room = s->room ? 2 * s->room : 1024};

	bigger.slots = xcalloc(bigger.room, sizeof(*bigger.slots));
	for (size_t i = 0; i < s->room; i++)
		if (s->slots[i])
			*slot_of(&bigger, s->slots[i], strlen(s->slots[i])) = s->slots[i];
	free(s->slots);
	*s = bigger;
}

static void set_add(struct name_set *s, const char *name, size_t len)
{
	char **slot;

	if (2 * s->len >= s->room)
		set_grow(s);
	slot = slot_of(s, name, len);
	if (*slot)
		return;
	*slot = xstrndup(name, len);
	s->len++;
}

static bool set_has(const struct name_set *s, const char *name, size_t len)
{
	return s && s->room && *slot_of(s, name, len);
}

void name_set_free(struct name_set *s)
{
	for (size_t i = 0; s && i < s->room; i++)
		free(s->slots[i]);
	if (s)
		free(s->slots);
	free(s);
}

static size_t name_len(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+-.");
}

/* The value of a field at the start of this line, or NULL. */
static const char *value_of(const char *line, const char *field)
{
	size_t len = strlen(field);

	if (strncasecmp(line, field, len) != 0 || line[len] != ':')
		return NULL;
	return line + len + 1 + strspn(line + len + 1, " ");
}

static void add_provides(struct name_set *s, const char *list)
{
	while (*list && *list != '\n') {
		size_t len;

		list += strspn(list, " ,");
		len = name_len(list);
		if (len)
			set_add(s, list, len);
		list += strcspn(list, ",\n");
	}
}

struct name_set *multiarch_foreign_names(const struct buf *native_index)
{
	struct name_set *s = xcalloc(1, sizeof(*s));
	const char *package = NULL, *provides = NULL, *v;
	bool foreign = false;

	for (const char *p = native_index->data; p && *p;) {
		const char *end = strchr(p, '\n');

		if ((v = value_of(p, "Package")))
			package = v;
		else if ((v = value_of(p, "Provides")))
			provides = v;
		else if ((v = value_of(p, "Multi-Arch")))
			foreign = strncmp(v, "foreign\n", 8) == 0;
		p = end ? end + 1 : NULL;
		if (p && *p != '\n' && *p != '\0')
			continue;
		if (package && foreign) {
			set_add(s, package, name_len(package));
			if (provides)
				add_provides(s, provides);
		}
		package = provides = NULL;
		foreign = false;
	}
	return s;
}

/* "libc6 (>= 2.36)" becomes "libc6@arm64 (>= 2.36)"; where a native package may serve as
 * well, " | libc6 (>= 2.36)" behind it. "perl:any" asks for any architecture's. */
static void rewrite_one(const char *dep, size_t len, const char *arch,
	const struct name_set *foreign, struct buf *out)
{
	size_t name = name_len(dep);
	const char *rest = dep + name;
	size_t rest_len = len - name;
	bool any = rest_len >= 4 && strncmp(rest, ":any", 4) == 0;
	const char *own = arch;
	size_t own_len = strlen(arch);

	if (rest_len && rest[0] == ':') {
		own = rest + 1;
		own_len = name_len(own);
		rest += 1 + own_len;
		rest_len -= 1 + own_len;
	}
	if (any) {
		own = arch;
		own_len = strlen(arch);
	}
	buf_add(out, dep, name);
	buf_addc(out, '@');
	buf_add(out, own, own_len);
	buf_add(out, rest, rest_len);
	if (any || set_has(foreign, dep, name)) {
		buf_adds(out, " | ");
		buf_add(out, dep, name);
		buf_add(out, rest, rest_len);
	}
}

static void rewrite_deps(const char *field, const char *list, const char *arch,
	const struct name_set *foreign, struct buf *out)
{
	buf_addf(out, "%s: ", field);
	while (*list && *list != '\n') {
		size_t len;

		list += strspn(list, " ");
		len = strcspn(list, ",|\n");
		while (len && list[len - 1] == ' ')
			len--;
		if (len)
			rewrite_one(list, len, arch, foreign, out);
		list += strcspn(list, ",|\n");
		if (*list == ',' || *list == '|') {
			buf_addc(out, *list == '|' ? ' ' : *list);
			if (*list == '|')
				buf_addc(out, '|');
			buf_addc(out, ' ');
			list++;
		}
	}
	buf_addc(out, '\n');
}

/* How each field of a stanza is taken over. */
static const struct field_rule {
	const char *name;
	bool names;	  /* it holds package names */
	bool alternative; /* a native package may serve */
} field_rules[] = {
	{"Version", false, false},
	{"Architecture", false, false},
	{"Filename", false, false},
	{"Size", false, false},
	{"SHA256", false, false},
	{"Package", true, false},
	{"Provides", true, false},
	{"Depends", true, true},
	{"Pre-Depends", true, true},
	{"Conflicts", true, false},
	{"Breaks", true, false},
};

static void rewrite_line(const char *line, size_t len, const char *arch,
	const struct name_set *foreign, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(field_rules); i++) {
		const struct field_rule *rule = &field_rules[i];
		const char *value = value_of(line, rule->name);

		if (value && rule->names)
			rewrite_deps(rule->name, value, arch,
				rule->alternative ? foreign : NULL, out);
		else if (value)
			buf_add(out, line, len);
		if (value && !rule->names)
			buf_addc(out, '\n');
	}
}

void multiarch_rewrite(const struct buf *index, const char *arch,
	const struct name_set *foreign, struct buf *out)
{
	_buf_ struct buf stanza = {0};
	bool own = false;

	for (const char *p = index->data; p && *p;) {
		size_t len = strcspn(p, "\n");
		const char *value = value_of(p, "Architecture");

		/* "all" packages are the native index's. */
		if (value)
			own = strncmp(value, arch, strlen(arch)) == 0;
		rewrite_line(p, len, arch, foreign, &stanza);
		p += len + (p[len] == '\n');
		if (*p != '\n' && *p != '\0')
			continue;
		if (own && stanza.len) {
			buf_add(out, stanza.data, stanza.len);
			buf_addc(out, '\n');
		}
		buf_clear(&stanza);
		own = false;
	}
}
