/* oci_pack COMPRESSION THREADS TREE LAYOUT: a tree as an image of one layer in a layout,
 * published and synced; prints the manifest's digest. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include "oci/image.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

static int pack(enum compression how, int threads, const char *tree, const char *layout,
	struct err *e)
{
	const struct oci_file files[] = {{.member = "", .path = tree}, {.member = NULL}};
	const struct oci_layer layers[] = {
		{.title = "tree", .files = files, .compression = how}, {.files = NULL}};
	const struct oci_image image = {
		.architecture = "amd64", .created = 1700000000, .layers = layers};
	const struct oci_tag tag = {.tag = "bench"};
	_free_ char *work = xasprintf("%s.work", layout);
	_close_ int out = -1;

	if (fs_remove(AT_FDCWD, work, e) < 0 || fs_mkdirs(AT_FDCWD, work, 0755, e) < 0)
		return -1;
	out = fs_open_dir(AT_FDCWD, work, e);
	if (out < 0 || oci_image_write(&image, threads, out, e) < 0 ||
		(!getenv("OCI_PACK_NO_SYNC") && fs_sync_tree(AT_FDCWD, work, e) < 0) ||
		oci_publish(work, layout, "localhost/bench", &tag, 1, e) < 0)
		return -1;
	return fs_remove(AT_FDCWD, work, e);
}

int main(int argc, char **argv)
{
	enum compression how;
	struct err e = {0};

	if (argc != 5) {
		fprintf(stderr, "usage: %s COMPRESSION THREADS TREE LAYOUT\n", argv[0]);
		return 2;
	}
	if (compress_by_name(argv[1], &how, &e) < 0 ||
		pack(how, atoi(argv[2]), argv[3], argv[4], &e) < 0) {
		fprintf(stderr, "%s: %s\n", argv[0], e.msg);
		return e.code;
	}
	return 0;
}
