#include "tests/oci/oci_test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"

const char *oci_test_tree(void)
{
	const char *dir = test_tmpdir();

	ck_assert_int_eq(
		test_sh(NULL,
			"cd %s && umask 022 && mkdir -p usr/bin lib/modules/6.1/kernel "
			"empty && "
			"echo kernel >kernel && printf '#!/bin/sh\\n' >usr/bin/perf && "
			"chmod 755 usr/bin/perf && ln -s ../../../x "
			"lib/modules/6.1/build && "
			"ln -s nowhere dangling && touch 'with space' && "
			"mkdir $(printf 'n%%.0s' $(seq 120)) && echo deep >f && mv f n*/ "
			"&& "
			"head -c 300000 /dev/urandom | xz -0 >linux.tar.xz && "
			"seq 400000 >big && find . -exec touch -h -d @%d {} +",
			dir, OCI_TEST_TIME),
		0);
	return dir;
}

const char *oci_test_write(const struct oci_test_image *t)
{
	return oci_test_write_in(t, test_tmpdir());
}

const char *oci_test_write_in(const struct oci_test_image *t, const char *dir)
{
	const struct oci_file source[] = {
		{.member = "linux.tar.xz", .path = t->source}, {.member = NULL}};
	const struct oci_file own[] = {{.member = "", .path = t->tree}, {.member = NULL}};
	const struct oci_layer both[] = {
		{.title = "source", .files = source, .compression = t->compression},
		{.title = "kernel", .files = own, .compression = t->compression},
		{.files = NULL}};
	const char *const labels[] = {"org.example.label", "a \"quoted\" value", NULL};
	const char *const annotations[] = {
		"org.opencontainers.image.version", "6.12.59", NULL};
	const struct oci_image image = {.architecture = t->arch,
		.variant = t->variant,
		.created = OCI_TEST_TIME,
		.layers = t->source ? both : both + 1,
		.labels = labels,
		.annotations = annotations};
	_close_ int out = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err e = {0};

	ck_ok(oci_image_write(&image, t->threads, out, &e), &e);
	return dir;
}

const char *oci_test_tiny(const char *arch, const char *text)
{
	const char *tree = test_tmpdir();
	_free_ char *file = test_path("%s/kernel", tree);
	const struct oci_test_image image = {
		.arch = arch, .tree = tree, .compression = COMPRESS_GZIP, .threads = 1};

	test_write(file, text);
	return oci_test_write(&image);
}

void oci_test_publish(const char *from, const char *layout, const char *tag, bool single)
{
	const struct oci_tag tags[] = {{.tag = tag, .single = single}};
	struct err e = {0};

	ck_ok(oci_publish(from, layout, OCI_TEST_NAME, tags, 1, &e), &e);
}

char *oci_test_manifest(const char *from)
{
	_free_ char *path = test_path("%s/manifest.json", from), *text = test_read(path);
	struct err e = {0};
	_json_ json_t *descriptor = json_parse(text, strlen(text), path, ERR_STORE, &e);
	const char *hex = oci_descriptor_hex(descriptor);

	ck_assert_ptr_nonnull(hex);
	return xstrdup(hex);
}

char *oci_test_platforms(const char *layout, const char *tag)
{
	_layout_ struct oci_layout l = OCI_LAYOUT_CLOSED;
	_json_ json_t *top = NULL, *index = NULL;
	_free_ char *name = test_path("%s:%s", OCI_TEST_NAME, tag);
	_buf_ struct buf text = {0};
	json_t *descriptor, *entry;
	struct err e = {0};
	size_t i;

	ck_ok(oci_layout_open(&l, layout, &e), &e);
	top = oci_layout_index(&l, &e);
	descriptor = oci_index_named(top, name);
	if (descriptor) {
		index = oci_blob_json(&l, descriptor, &e);
		ck_assert_msg(index != NULL, "%s", e.msg);
	}
	json_array_foreach(json_object_get(index, "manifests"), i, entry)
	{
		_free_ char *platform = oci_platform_name(entry);

		buf_addf(&text, "%s%s=%s", i ? "," : "", platform,
			oci_descriptor_hex(entry));
	}
	return buf_steal(&text);
}

void oci_test_sound(const char *layout)
{
	_layout_ struct oci_layout l = OCI_LAYOUT_CLOSED;
	_str_vec_ struct str_vec faults = {0};
	struct oci_census census = {0};
	struct err e = {0};

	ck_ok(oci_layout_open(&l, layout, &e), &e);
	ck_ok(oci_layout_lock(&l, false, &e), &e);
	ck_ok(oci_verify(&l, &faults, &census, &e), &e);
	ck_assert_msg(faults.len == 0, "%s", faults.len ? faults.items[0] : "");
}
