/* fuzz_depmod.c: hostile modules, configuration and lists, through the whole of depmod.
 *
 *	fuzz_depmod CORPUS [RUNS [SEED]]
 *
 * replays every file of the corpus, then RUNS changed copies of them. A file's first byte
 * says what the rest is (kinds[]). Built with -DKILN_LIBFUZZER it is libFuzzer's. What
 * must hold of each run: depmod ends with indexes or with a sentence, the good module
 * beside the hostile one is indexed, and every .bin is a well-formed trie. */
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel/depmod.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

#define RELEASE "6.1.0-f"
#define MAP	"0 R __ksymtab_printk\n"

static const struct {
	char letter;
	const char *path; /* below the tree */
} kinds[] = {
	{'E', "lib/modules/" RELEASE "/kernel/hostile.ko"},
	{'X', "lib/modules/" RELEASE "/kernel/hostile.ko.xz"},
	{'Z', "lib/modules/" RELEASE "/kernel/hostile.ko.zst"},
	{'G', "lib/modules/" RELEASE "/kernel/hostile.ko.gz"},
	{'O', "lib/modules/" RELEASE "/modules.order"},
	{'B', "lib/modules/" RELEASE "/modules.builtin"},
	{'M', "lib/modules/" RELEASE "/modules.builtin.modinfo"},
	{'C', "hostile.conf"},
	{'S', "System.map"},
	{'V', "Module.symvers"},
};

static char tree[64];
static bool has_good, configured;
static unsigned long completed;
static unsigned long broken; /* modules that the reader didn't survive, or refused */

static void die(const char *what)
{
	fprintf(stderr, "fuzz_depmod: %s (the input is left in %s)\n", what, tree);
	abort();
}

static char *in_tree(const char *path)
{
	return fs_join(tree, path);
}

static void put(const char *path, const void *data, size_t len)
{
	_free_ char *full = in_tree(path);
	_close_ int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct err e = {0};

	if (fd < 0 || fs_write_all(fd, data, len, &e) < 0)
		die("can't write the input");
}

static uint32_t word(const struct buf *b, size_t at)
{
	uint32_t w;

	if (at + sizeof(w) > b->len)
		die("an index points behind its end");
	memcpy(&w, b->data + at, sizeof(w));
	return be32toh(w);
}

static size_t string_end(const struct buf *b, size_t at)
{
	const char *nul = at < b->len ? memchr(b->data + at, '\0', b->len - at) : NULL;

	if (!nul)
		die("a string in an index has no end");
	return (size_t)(nul - b->data) + 1;
}

/* Reads a node as libkmod does. Returns how many bytes it takes, with its children. */
static size_t check_node(const struct buf *b, uint32_t node, unsigned depth)
{
	size_t start = node & 0x0FFFFFFF, at = start, below = 0;

	if (depth > 100000)
		die("an index is a loop");
	if (node & 0x80000000)
		at = string_end(b, at);
	if (node & 0x20000000) {
		unsigned first = (unsigned char)b->data[at];
		unsigned last = (unsigned char)b->data[at + 1];

		at += 2;
		if (first > last || last >= 128)
			die("a node has children out of range");
		for (unsigned c = first; c <= last; c++, at += 4)
			if (word(b, at))
				below += check_node(b, word(b, at), depth + 1);
	}
	if (node & 0x40000000) {
		uint32_t count = word(b, at);

		for (at += 4; count; count--)
			at = string_end(b, at + 4);
	}
	return at - start + below;
}

static void check_index(const char *name)
{
	_free_ char *dir = in_tree("out"), *path = fs_join(dir, name);
	_buf_ struct buf b = {0};
	struct err e = {0};

	if (fs_read(AT_FDCWD, path, 1 << 30, &b, &e) < 0)
		die("an index is missing");
	if (b.len == 0 && str_starts(name, "modules.builtin"))
		return;
	if (word(&b, 0) != 0xB007F457 || check_node(&b, word(&b, 8), 0) + 12 != b.len)
		die("an index has other bytes than its nodes");
}

static void check_results(void)
{
	static const char *const bins[] = {"modules.dep.bin", "modules.alias.bin",
		"modules.symbols.bin", "modules.builtin.bin",
		"modules.builtin.alias.bin"};
	_free_ char *path = in_tree("out/modules.dep");
	_buf_ struct buf dep = {0};
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(bins); i++)
		check_index(bins[i]);
	if (fs_read(AT_FDCWD, path, 1 << 30, &dep, &e) < 0)
		die("modules.dep is missing");
	completed++;
	if (!has_good)
		return;
	/* "exclude kernel" is the configuration's right. */
	if (!strstr(buf_str(&dep), "kernel/good.ko:") && !configured)
		die("the good module isn't indexed");
}

static void say(void *arg, int level, const char *text)
{
	(void)arg;
	(void)level;
	if (strstr(text, "failed to load"))
		broken++;
}

/* "external * /" would have the whole host searched. */
static bool leaves_tree(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((data[i] == '/' &&
			    (len - i < 9 || memcmp(data + i, "/nowhere", 8) != 0)) ||
			(i && data[i] == '.' && data[i - 1] == '.'))
			return true;
	return false;
}

static void run(const uint8_t *data, size_t len)
{
	size_t kind = 0;
	_free_ char *dir = in_tree("lib/modules/" RELEASE), *out = in_tree("out");
	_free_ char *conf = in_tree("hostile.conf"), *map = in_tree("System.map");
	_free_ char *symvers = in_tree("Module.symvers"), *input = NULL;
	const char *config[] = {conf, NULL};
	struct depmod_options o = {.dir = dir,
		.release = RELEASE,
		.out_path = out,
		.config = config,
		.print_unknown = true,
		.warn_duplicates = true,
		.level = DEPMOD_INFO,
		.workers = 1,
		.say = say};
	struct err e = {0};

	while (kind < ARRAY_LEN(kinds) && (!len || kinds[kind].letter != (char)data[0]))
		kind++;
	if (kind == ARRAY_LEN(kinds))
		return;
	input = in_tree(kinds[kind].path);
	if (kinds[kind].letter == 'C' && leaves_tree(data, len))
		return;
	put(kinds[kind].path, data + 1, len - 1);
	configured = kinds[kind].letter == 'C';
	o.system_map = kinds[kind].letter == 'V' ? NULL : map;
	o.symvers = kinds[kind].letter == 'V' ? symvers : NULL;
	o.compat = depmod_compat_find(len & 1 ? "30" : "34");
	if (depmod_run(&o, &e) == 0)
		check_results();
	else if (!e.msg[0])
		die("it failed without a word");
	if (unlink(input) < 0)
		die("can't remove the input");
	if (kinds[kind].letter == 'S')
		put("System.map", MAP, strlen(MAP));
}

static void clean(void)
{
	struct err e = {0};

	fs_remove(AT_FDCWD, tree, &e);
}

/* A tree with one good module; the corpus has it under "good". */
static void make_tree(const uint8_t *good, size_t len)
{
	_free_ char *dir = NULL;
	struct err e = {0};

	snprintf(tree, sizeof(tree), "%s/kiln-fuzz.XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(tree))
		die("can't make a directory");
	dir = in_tree("lib/modules/" RELEASE "/kernel");
	if (fs_mkdirs(AT_FDCWD, dir, 0755, &e) < 0)
		die(e.msg);
	if (chdir(tree) < 0) /* a relative "external" stays in it */
		die("can't enter the tree");
	has_good = len > 0;
	if (has_good)
		put("lib/modules/" RELEASE "/kernel/good.ko", good, len);
	put("System.map", MAP, strlen(MAP));
}

#ifdef KILN_LIBFUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!*tree) {
		make_tree(NULL, 0);
		atexit(clean);
	}
	run(data, len);
	return 0;
}
#else
static uint64_t state;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static size_t below(size_t n)
{
	return n ? (size_t)(next_random() % n) : 0;
}

/* One small damage, to any byte but the first. */
static void damage(struct buf *b)
{
	static const uint64_t odd[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff,
		0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, UINT64_MAX,
		UINT64_MAX - 63};
	size_t at = 1 + below(b->len - 1), size = (size_t)1 << below(4),
	       rest = b->len - at;
	uint64_t value = below(3) ? odd[below(ARRAY_LEN(odd))] : below(b->len + 2);

	switch (below(6)) {
	case 0:
		b->data[at] ^= (char)(1 << below(8));
		break;
	case 1: /* headers and tables are of aligned words */
		at -= at > size ? (at - 1) % size : 0;
		memcpy(b->data + at, &value, size < b->len - at ? size : b->len - at);
		break;
	case 2:
		b->len = at;
		break;
	case 3:
		memmove(b->data + at, b->data + 1 + below(b->len - rest), rest / 2);
		break;
	case 4:
		buf_add(b, &value, size);
		break;
	default:
		memset(b->data + at, "\0\n \377"[below(4)], below(rest + 1));
		break;
	}
}

static void read_corpus(const char *dir, struct str_vec *names, struct buf *files)
{
	struct err e = {0};

	if (fs_list(AT_FDCWD, dir, names, &e) < 0)
		die(e.msg);
	for (size_t i = 0; i < names->len; i++) {
		_free_ char *path = fs_join(dir, names->items[i]);

		if (fs_read(AT_FDCWD, path, 1 << 20, &files[i], &e) < 0)
			die(e.msg);
	}
}

int main(int argc, char **argv)
{
	static struct buf files[1000];
	_str_vec_ struct str_vec names = {0};
	unsigned long runs = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	const struct buf *good = &files[0];

	state = argc > 3 ? strtoull(argv[3], NULL, 10) + 88172645463325252
			 : 88172645463325252;
	if (argc < 2)
		die("usage: fuzz_depmod CORPUS [RUNS [SEED]]");
	read_corpus(argv[1], &names, files);
	for (size_t i = 0; i < names.len; i++)
		if (str_eq(names.items[i], "good"))
			good = &files[i];
	make_tree((const uint8_t *)good->data + 1, good->len - 1);
	for (size_t i = 0; i < names.len; i++)
		run((const uint8_t *)files[i].data, files[i].len);
	for (unsigned long i = 0; i < runs; i++) {
		const struct buf *base = &files[below(names.len)];
		_buf_ struct buf b = {0};

		buf_add(&b, base->data, base->len);
		for (size_t n = 1 + below(6); n && b.len > 2; n--)
			damage(&b);
		run((const uint8_t *)b.data, b.len);
	}
	printf("%zu files and %lu changed ones: indexes %lu times, %lu modules refused\n",
		names.len, runs, completed, broken);
	for (size_t i = 0; i < names.len; i++)
		buf_free(&files[i]);
	clean();
	return 0;
}
#endif
