/* source_unpack TARBALL DIR [SIGNATURE KEYRING]: reads, digests, decompresses, proves and
 * unpacks a kernel tarball as the tree stage does. */
#include <fcntl.h>
#include <stdio.h>
#include "kernel/source_int.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

int main(int argc, char **argv)
{
	struct err e = {0};
	if (argc != 3 && argc != 5) {
		fprintf(stderr, "usage: %s TARBALL DIR [SIGNATURE KEYRING]\n", argv[0]);
		return 2;
	}
	const struct gpgv_role role = {
		.name = "signer", .keyring = argc == 5 ? argv[4] : ""};
	struct source_stream stream = {
		.path = argv[1],
		.name = argv[1],
		.signature = argc == 5 ? argv[3] : NULL,
		.role = &role,
	};
	_close_ int dir = -1;
	if (fs_mkdirs(AT_FDCWD, argv[2], 0755, &e) ||
		(dir = fs_open_dir(AT_FDCWD, argv[2], &e)) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		return e.code;
	}
	stream.dirfd = dir;
	if (source_stream_run(&stream, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return e.code;
	}
	return 0;
}
