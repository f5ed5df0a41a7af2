#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/depmod_index.h"
#include "orchestrator/base/mem.h"

/* The file: three words (magic, version, root), then nodes. All numbers are big endian.
 * A node is the part of the key that has no branch (a string), then its children (first
 * and last character, and a word for each in between), then its values (a count; for each
 * a priority and a string). Which of the three are there stands in the high bits of the
 * word that points to the node; 0 points to no node. */
#define INDEX_MAGIC    0xB007F457u
#define INDEX_VERSION  0x00020001u
#define NODE_PREFIX    0x80000000u
#define NODE_VALUES    0x40000000u
#define NODE_CHILDREN  0x20000000u
#define NODE_MAX_START 0x0FFFFFFFu
#define ROOT_AT	       8

void index_free(struct index *ix)
{
	free(ix->entries);
	*ix = (struct index){0};
}

static int check_ascii(const char *s, const char *key, struct err *e)
{
	for (const unsigned char *p = (const unsigned char *)s; *p; p++)
		if (*p >= 128)
			return err_set(e, ERR_INPUT,
				"Module index: bad character '%c'=0x%x - only 7-bit "
				"ASCII is supported:\n%s",
				(char)*p, *p, key);
	return 0;
}

int index_add(struct index *ix, const char *key, const char *value, uint32_t priority,
	struct err *e)
{
	struct index_entry *entry;

	if (check_ascii(key, key, e) < 0 || check_ascii(value, value, e) < 0)
		return -1;
	if (ix->len == ix->cap) {
		ix->cap = ix->cap ? 2 * ix->cap : 1024;
		ix->entries = xrealloc(ix->entries, ix->cap * sizeof(*ix->entries));
	}
	entry = &ix->entries[ix->len];
	*entry = (struct index_entry){
		.key = key,
		.value = value,
		.priority = priority,
		.seq = (uint32_t)ix->len++,
	};
	return 0;
}

/* The order of keys and, for equal keys, of values in their node. */
static int compare(const void *pa, const void *pb)
{
	const struct index_entry *a = pa, *b = pb;
	int order;

	if (a->head != b->head)
		return a->head < b->head ? -1 : 1;
	order = strcmp(a->key, b->key);
	if (order)
		return order;
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	return a->seq > b->seq ? -1 : 1;
}

/* Eight bytes of the key from `skip` on, which every key has in common with all others.
 */
static void set_heads(struct index *ix, size_t skip)
{
	for (size_t i = 0; i < ix->len; i++) {
		const char *key = ix->entries[i].key + skip;
		uint64_t head = 0;

		for (unsigned n = 0; n < 8; n++)
			head = head << 8 | (unsigned char)(*key ? *key++ : 0);
		ix->entries[i].head = head;
	}
}

static size_t common_prefix(const char *a, const char *b, size_t from)
{
	size_t n = from;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

static void sort(struct index *ix)
{
	size_t common = ix->len ? strlen(ix->entries[0].key) : 0;

	for (size_t i = 1; i < ix->len && common; i++) {
		size_t n = common_prefix(ix->entries[0].key, ix->entries[i].key, 0);

		common = n < common ? n : common;
	}
	if (!ix->len)
		return;
	set_heads(ix, common);
	qsort(ix->entries, ix->len, sizeof(*ix->entries), compare);
}

static void add_word(struct buf *out, uint32_t word)
{
	word = htobe32(word);
	buf_add(out, &word, sizeof(word));
}

static void put_word(struct buf *out, size_t at, uint32_t word)
{
	word = htobe32(word);
	memcpy(out->data + at, &word, sizeof(word));
}

/* A node while it is written: the entries that go through it, and how much of their keys
 * its parents and itself have used. */
struct node {
	const struct index_entry *begin, *end;
	size_t start, depth;
};

static const struct index_entry *first_child(const struct node *node)
{
	const struct index_entry *entry = node->begin;

	while (entry < node->end && entry->key[node->depth] == '\0')
		entry++;
	return entry;
}

/* The end of the child that begins at entry: the entries with the same next character. */
static const struct index_entry *child_end(
	const struct node *node, const struct index_entry *entry)
{
	char c = entry->key[node->depth];

	while (entry < node->end && entry->key[node->depth] == c)
		entry++;
	return entry;
}

static void write_prefix(const struct node *node, struct buf *out)
{
	if (node->depth > node->start) {
		buf_add(out, node->begin->key + node->start, node->depth - node->start);
		buf_addc(out, '\0');
	}
}

static void write_values(
	const struct node *node, const struct index_entry *values_end, struct buf *out)
{
	if (values_end == node->begin)
		return;
	add_word(out, (uint32_t)(values_end - node->begin));
	for (const struct index_entry *v = node->begin; v < values_end; v++) {
		add_word(out, v->priority);
		buf_add(out, v->value, strlen(v->value) + 1);
	}
}

static uint32_t node_flags(const struct node *node, const struct index_entry *children)
{
	return (node->depth > node->start ? NODE_PREFIX : 0) |
	       (children > node->begin ? NODE_VALUES : 0) |
	       (children < node->end ? NODE_CHILDREN : 0);
}

static uint32_t write_node(struct node *node, bool parents_first, struct buf *out);

/* Writes the children of node; the word for each goes where words points: into out (at
 * words_at) when the parent is there already, else into words. */
static void write_children(const struct node *node, const struct index_entry *child,
	bool parents_first, size_t words_at, uint32_t *words, struct buf *out)
{
	unsigned first = (unsigned char)child->key[node->depth];

	while (child < node->end) {
		unsigned c = (unsigned char)child->key[node->depth];
		struct node next = {child, child_end(node, child), node->depth + 1, 0};
		uint32_t word;

		next.depth =
			common_prefix(next.begin->key, next.end[-1].key, node->depth + 1);
		word = write_node(&next, parents_first, out);
		if (words)
			words[c - first] = word;
		else
			put_word(out, words_at + (c - first) * sizeof(word), word);
		child = next.end;
	}
}

static uint32_t write_node(struct node *node, bool parents_first, struct buf *out)
{
	const struct index_entry *children = first_child(node);
	uint32_t flags = node_flags(node, children), start;
	unsigned first = 0, count = 0;
	_free_ uint32_t *words = NULL;
	size_t words_at;

	if (flags & NODE_CHILDREN) {
		first = (unsigned char)children->key[node->depth];
		count = (unsigned char)node->end[-1].key[node->depth] - first + 1;
	}
	if (count && !parents_first) {
		words = xcalloc(count, sizeof(*words));
		write_children(node, children, parents_first, 0, words, out);
	}
	start = (uint32_t)out->len;
	write_prefix(node, out);
	if (count) {
		buf_addc(out, (char)first);
		buf_addc(out, (char)(first + count - 1));
	}
	words_at = out->len;
	for (unsigned i = 0; i < count; i++)
		add_word(out, words ? words[i] : 0);
	write_values(node, children, out);
	if (count && parents_first)
		write_children(node, children, parents_first, words_at, NULL, out);
	return start | flags;
}

int index_write(struct index *ix, bool parents_first, struct buf *out, struct err *e)
{
	/* The root never has a prefix, whatever the keys have in common. */
	struct node root = {NULL, NULL, 0, 0};
	size_t base = out->len;
	uint32_t word;

	if (base)
		return err_set(e, ERR_INTERNAL, "index_write needs an empty buffer");
	sort(ix);
	if (ix->len) {
		root.begin = ix->entries;
		root.end = ix->entries + ix->len;
	}
	add_word(out, INDEX_MAGIC);
	add_word(out, INDEX_VERSION);
	add_word(out, 0);
	word = write_node(&root, parents_first, out);
	if (out->len > NODE_MAX_START)
		return err_set(e, ERR_INPUT, "the index is larger than %s",
			str_bytes(NODE_MAX_START));
	put_word(out, ROOT_AT, word);
	return 0;
}

static int by_seq(const void *pa, const void *pb)
{
	const struct index_entry *a = *(const struct index_entry *const *)pa;
	const struct index_entry *b = *(const struct index_entry *const *)pb;

	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

void index_duplicates(const struct index *ix,
	void (*report)(void *arg, const char *key, const char *value), void *arg)
{
	const struct index_entry **found = xcalloc(ix->len, sizeof(*found));
	size_t n = 0;

	for (size_t i = 0; i < ix->len; i++) {
		const struct index_entry *entry = &ix->entries[i];
		bool earlier = false;

		for (size_t j = i; j-- > 0 && !earlier;) {
			if (!str_eq(ix->entries[j].key, entry->key))
				break;
			earlier = ix->entries[j].seq < entry->seq &&
				  str_eq(ix->entries[j].value, entry->value);
		}
		for (size_t j = i + 1; j < ix->len && !earlier; j++) {
			if (!str_eq(ix->entries[j].key, entry->key))
				break;
			earlier = ix->entries[j].seq < entry->seq &&
				  str_eq(ix->entries[j].value, entry->value);
		}
		if (earlier)
			found[n++] = entry;
	}
	if (n)
		qsort(found, n, sizeof(*found), by_seq);
	for (size_t i = 0; i < n; i++)
		report(arg, found[i]->key, found[i]->value);
	free(found);
}
