/* The stages that write images: the kernel's and perf's. */
#include <fcntl.h>
#include <unistd.h>
#include "kernel/ucode.h"
#include "oci/image.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/json.h"
#include "orchestrator/step_common.h"

#define MAX_FILES  8
#define MAX_LABELS 40

/* Files of one layer, as they are put together. */
struct file_list {
	struct oci_file files[MAX_FILES + 1];
	size_t count;
};

static void add_file(struct file_list *l, const char *member, const char *path)
{
	/* What a flavor or an architecture doesn't have isn't there: vmlinux, dtbs. */
	if (fs_exists(AT_FDCWD, path))
		l->files[l->count++] = (struct oci_file){.member = member, .path = path};
}

struct labels {
	const char *items[MAX_LABELS + 1];
	size_t count;
};

static void add_label(struct labels *l, const char *key, const char *value)
{
	if (str_is_empty(value) || l->count + 2 > MAX_LABELS)
		return;
	l->items[l->count++] = key;
	l->items[l->count++] = value;
}

/* A small file that the image ships and no stage makes. */
static const char *write_note(
	struct step_run *r, const char *name, const char *text, struct err *e)
{
	const char *path = arena_printf(&r->arena, "%s/%s", r->scratch, name);

	if (fs_publish(AT_FDCWD, path, text, strlen(text), 0644, e) < 0)
		return NULL;
	return path;
}

/* The toolchain, and every program's version line, as labels of their own. */
static int add_toolchain(struct step_run *r, struct labels *l, struct err *e)
{
	const char *path = step_need(r, "compile", "toolchain.json");
	_buf_ struct buf text = {0};
	_json_ json_t *j = NULL;
	const char *program, *name;
	json_t *version;

	if (!fs_exists(AT_FDCWD, path))
		return 0;
	if (fs_read(AT_FDCWD, path, 1 << 20, &text, e) < 0)
		return -1;
	j = json_parse(text.data, text.len, path, ERR_STORE, e);
	if (!j)
		return -1;
	name = json_get_string(j, "toolchain");
	add_label(l, "kiln.toolchain", arena_strdup(&r->arena, name ? name : ""));
	json_object_foreach(json_object_get(j, "programs"), program,
		version) if (json_is_string(version))
		add_label(l, arena_printf(&r->arena, "kiln.toolchain.%s", program),
			arena_strdup(&r->arena, json_string_value(version)));
	return 0;
}

/* Where an image comes from: the tree, and the queue of a target that has one. */
struct origin {
	struct source_info tree, queue;
};

static void origin_free(struct origin *o)
{
	source_info_free(&o->tree);
	source_info_free(&o->queue);
}
#define _origin_ __attribute__((cleanup(origin_free)))

static int origin_read(struct step_run *r, struct origin *o, struct err *e)
{
	const char *queue = step_need(r, "queue", NULL);

	if (source_info_read(step_need(r, "tree", NULL), &o->tree, e) < 0)
		return -1;
	return queue ? source_info_read(queue, &o->queue, e) : 0;
}

/* Of tree and queue: which file, by its digest, and what proved it. */
static void add_proofs(struct step_run *r, const struct origin *o, struct labels *l)
{
	const struct source_info *tree = &o->tree, *queue = &o->queue;

	add_label(
		l, "org.opencontainers.image.source", arena_strdup(&r->arena, tree->url));
	add_label(l, "kiln.source.sha256", arena_strdup(&r->arena, tree->sha256));
	if (!queue->url) {
		add_label(l, "kiln.source.proof", arena_strdup(&r->arena, tree->proof));
		return;
	}
	add_label(l, "kiln.queue.source", arena_strdup(&r->arena, queue->url));
	add_label(l, "kiln.queue.sha256", arena_strdup(&r->arena, queue->sha256));
	add_label(l, "kiln.source.proof",
		arena_printf(&r->arena, "%s; %s", tree->proof, queue->proof));
}

/* The microcode of an image that has some, and where that is from. */
static int add_ucode(
	struct step_run *r, struct file_list *files, struct labels *l, struct err *e)
{
	_source_info_ struct source_info info = {0};
	const char *dir = step_need(r, "ucode", NULL);

	if (!dir)
		return 0;
	if (source_info_read(dir, &info, e) < 0)
		return -1;
	add_file(files, UCODE_CPIO, step_need(r, "ucode", UCODE_CPIO));
	add_file(files, UCODE_LICENSE, step_need(r, "ucode", UCODE_LICENSE));
	add_label(l, "kiln.ucode.source", arena_strdup(&r->arena, info.url));
	add_label(l, "kiln.ucode.proof", arena_strdup(&r->arena, info.proof));
	return 0;
}

/* What is said of where an image comes from, the same for the kernel's and perf's. */
static void add_provenance(struct step_run *r, enum field sysroot,
	const struct origin *origin, struct labels *l)
{
	const char *asked = step_text(r, FIELD_BUILD_IMAGE);
	const char *name = step_sysroot_name(r, sysroot);

	add_label(l, "org.mobyproject.linuxkit.kernel.buildimage", step_text(r, sysroot));
	if (*asked)
		add_label(l, "kiln.buildimage.asked", asked);
	if (str_starts(name, "host"))
		add_label(l, "kiln.sysroot.unlocked",
			"built with the host's own programs, not from a locked sysroot");
	add_label(l, "org.opencontainers.image.version",
		arena_printf(&r->arena, "%s%s", step_text(r, FIELD_VERSION),
			step_text(r, FIELD_LOCALVERSION)));
	add_label(l, "org.opencontainers.image.licenses", "GPL-2.0-only");
	add_label(l, "org.opencontainers.image.revision", step_text(r, FIELD_REVISION));
	add_proofs(r, origin, l);
}

static int write_image(struct step_run *r, const struct oci_layer *layers,
	const struct labels *labels, int64_t date, struct err *e)
{
	const struct arch *arch = arch_find(step_text(r, FIELD_ARCH), e);
	struct oci_image image = {
		.created = date,
		.layers = layers,
		.labels = labels->items,
		.annotations = labels->items,
	};

	if (!arch)
		return -1;
	image.architecture = arch->goarch;
	image.variant = arch->variant;
	return oci_image_write(&image, (int)r->env->jobs, r->out, e);
}

int step_image(struct step_run *r, struct err *e)
{
	_origin_ struct origin origin = {0};
	struct file_list source = {0}, kernel = {0}, devel = {0}, debug = {0};
	struct labels labels = {0};
	enum compression how;
	const char *from, *builder;

	if (origin_read(r, &origin, e) < 0 ||
		compress_by_name(step_text(r, FIELD_COMPRESSION), &how, e) < 0)
		return -1;
	from = write_note(r, "kernel-source-info",
		arena_printf(&r->arena, "KERNEL_SOURCE=%s\n", origin.tree.url), e);
	builder = write_note(r, "kernel-builder", step_sysroot_name(r, FIELD_SYSROOT), e);
	if (!from || !builder)
		return -1;
	add_file(&source, "linux.tar.xz", step_need(r, "archive", "linux.tar.xz"));
	add_file(&kernel, "kernel", step_need(r, "compile", "kernel"));
	add_file(&kernel, "System.map", step_need(r, "compile", "System.map"));
	add_file(&kernel, "kernel_config", step_need(r, "compile", "config"));
	add_file(&kernel, "kernel.tar", step_need(r, "pack", "kernel.tar"));
	add_file(&kernel, "kernel-source-info", from);
	add_file(&kernel, "kernel-builder", builder);
	add_file(
		&devel, "kernel-headers.tar", step_need(r, "pack", "kernel-headers.tar"));
	add_file(&devel, "kernel-dev.tar", step_need(r, "pack", "kernel-dev.tar"));
	add_file(&debug, "vmlinux", step_need(r, "compile", "vmlinux"));
	add_provenance(r, FIELD_SYSROOT, &origin, &labels);
	add_label(&labels, "org.opencontainers.image.title", "Linux kernel");
	if (add_toolchain(r, &labels, e) < 0 || add_ucode(r, &kernel, &labels, e) < 0)
		return -1;
	const struct oci_layer layers[] = {
		/* Packed already, so the compressor only stores it. An uncompressed layer
		 * would be compressed by whoever pushes it, under another digest. */
		{"patched source", source.files, how},
		{"headers and devkit", devel.files, how},
		{"kernel and modules", kernel.files, how},
		{"debug information", debug.count ? debug.files : NULL, how},
		{0},
	};

	return write_image(r, layers, &labels, origin.tree.date, e);
}

int step_perf_image(struct step_run *r, struct err *e)
{
	_origin_ struct origin origin = {0};
	const struct oci_file files[] = {
		{"usr/bin/perf", step_need(r, "perf", "perf"), true}, {0}};
	struct labels labels = {0};
	enum compression how;

	if (origin_read(r, &origin, e) < 0 ||
		compress_by_name(step_text(r, FIELD_COMPRESSION), &how, e) < 0)
		return -1;
	add_provenance(r, FIELD_PERF_SYSROOT, &origin, &labels);
	add_label(&labels, "org.opencontainers.image.title", "perf");
	const struct oci_layer layers[] = {{"perf", files, how}, {0}};

	return write_image(r, layers, &labels, origin.tree.date, e);
}
