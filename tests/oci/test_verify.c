/* Damage: whatever happens to a layout is found, named, and ends with exit 10. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "tests/oci/oci_test.h"

Suite *suite_oci_verify(void);

/* The five things between index.json and the bytes of a file. */
enum level { TOP, INDEX, MANIFEST, CONFIG, LAYER, LEVELS };
static const char *const level_names[] = {
	"index.json", "index", "manifest", "config", "layer"};

struct chain {
	struct oci_layout l;
	json_t *value[LAYER];	    /* parsed; LAYER is no JSON */
	json_t *descriptor[LEVELS]; /* borrowed from the value above; TOP has none */
};

static void chain_load(struct chain *c, const char *layout)
{
	struct err e = {0};

	*c = (struct chain){.l = OCI_LAYOUT_CLOSED};
	ck_ok(oci_layout_open_dir(&c->l, layout, &e), &e);
	c->value[TOP] = oci_layout_index(&c->l, &e);
	for (int level = INDEX; level <= LAYER; level++) {
		json_t *above = c->value[level == LAYER ? MANIFEST : level - 1];
		const char *key = level == CONFIG  ? "config"
				  : level == LAYER ? "layers"
						   : "manifests";
		json_t *found = json_object_get(above, key);

		c->descriptor[level] = level == CONFIG ? found : json_array_get(found, 0);
		if (level < LAYER)
			c->value[level] = oci_blob_json(&c->l, c->descriptor[level], &e);
		ck_assert_msg(c->descriptor[level] != NULL, "%s", e.msg);
	}
}

static void chain_free(struct chain *c)
{
	for (int level = CONFIG; level >= TOP; level--)
		json_decref(c->value[level]);
	oci_layout_close(&c->l);
}

/* Sets "layers.0.mediaType" of a value to what text parses to; NULL deletes it. */
static void set_at(json_t *value, const char *path, const char *text)
{
	_str_vec_ struct str_vec keys = {0};
	json_t *to = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
	const char *last;

	str_split(&keys, path, ".");
	for (size_t i = 0; i + 1 < keys.len; i++)
		value = json_is_array(value)
				? json_array_get(value, (size_t)atoi(keys.items[i]))
				: json_object_get(value, keys.items[i]);
	last = keys.items[keys.len - 1];
	if (to)
		json_object_set_new(value, last, to);
	else
		ck_assert_int_eq(json_object_del(value, last), 0);
}

/* Edits one level, and gives all above it their right digests and sizes again, so that
 * only the meaning is wrong. */
static void edit(const char *layout, enum level level, const char *path, const char *text)
{
	struct chain c;
	struct err e = {0};

	chain_load(&c, layout);
	for (int i = CONFIG; i >= TOP; i--) {
		_json_ json_t *stored = NULL;

		if (i == (int)level)
			set_at(c.value[i], path, text);
		if (i == TOP)
			break;
		stored = oci_blob_store_json(&c.l, c.value[i], "", &e);
		ck_assert_msg(stored != NULL, "%s", e.msg);
		json_object_set(
			c.descriptor[i], "digest", json_object_get(stored, "digest"));
		json_object_set(c.descriptor[i], "size", json_object_get(stored, "size"));
	}
	ck_ok(oci_layout_set_index(&c.l, c.value[TOP], &e), &e);
	chain_free(&c);
}

/* A layout with one image, in the current directory as "out". */
static void make_layout(void)
{
	const char *dir = test_tmpdir();

	ck_assert_int_eq(chdir(dir), 0);
	oci_test_publish(oci_test_tiny("amd64", "one"), "out", "6.12", false);
	/* Its own copy: the blobs are linked to the image's. */
	ck_assert_int_eq(test_sh(NULL, "cp -r out o && rm -r out && mv o out"), 0);
	oci_test_sound("out");
}

static char *path_of(enum level level)
{
	struct chain c;
	char *path;

	if (level == TOP)
		return xstrdup("out/index.json");
	chain_load(&c, "out");
	path = test_path("out/blobs/sha256/%s", oci_descriptor_hex(c.descriptor[level]));
	chain_free(&c);
	return path;
}

static const struct {
	const char *what, *how;	  /* $f is the file */
	const char *says[LEVELS]; /* part of a fault; NULL: says[1] */
} damages[] = {
	{"a flipped bit",
		"perl -e 'open F, \"+<\", $ARGV[0]; sysseek F, 30, 0; sysread F, $c, "
		"1; sysseek F, 30, 0; syswrite F, chr(ord($c) ^ 1)' $f",
		{NULL, "another digest"}},
	{"cut", "truncate -s -5 $f", {"not the JSON", "where its descriptor says"}},
	{"emptied", "truncate -s 0 $f", {"not the JSON", "where its descriptor says"}},
	{"longer", "printf xxxx >>$f", {"not the JSON", "where its descriptor says"}},
	{"a link", "mv $f copy && ln -s $PWD/copy $f", {"is a link", "is a link"}},
	{"missing", "rm $f", {"is missing", "is missing"}},
	{"a directory", "rm $f && mkdir $f",
		{"not a regular file", "not a regular file"}},
	{"a FIFO", "rm $f && mkfifo $f", {"not a regular file", "not a regular file"}},
	{"100 MB", "head -c 100M /dev/zero >$f",
		{"is larger than 4.0 MiB", "where its descriptor says"}},
};

/* Exit 10, the name of the file, and what is wrong with it. */
static void ck_found(
	const char *const *command, const char *file, const char *says, const char *what)
{
	_buf_ struct buf out = {0};
	int status = test_kiln(&out, command);

	ck_assert_msg(status == ERR_STORE, "%s: exit %d: %s", what, status, out.data);
	ck_assert_msg(strstr(out.data, file) && strstr(out.data, says),
		"%s: wanted '%s' and '%s' in: %s", what, file, says, out.data);
}

START_TEST(damage_is_found)
{
	const char *verify[] = {"image", "verify", "out", NULL};
	const char *export[] = {"image", "export", "-o", "out", "6.12", "x.tar", NULL};
	const enum level level = (enum level)(_i % LEVELS);
	const char *says = damages[_i / LEVELS].says[level == TOP ? 0 : 1];
	_free_ char *file = NULL, *what = NULL;

	/* A flipped bit in index.json may be in a name; nothing vouches for that file. */
	if (!says || !test_need("perl"))
		return;
	make_layout();
	file = path_of(level);
	what = test_path("%s: %s", level_names[level], damages[_i / LEVELS].what);
	ck_assert_int_eq(test_sh(NULL, "f=%s; %s", file, damages[_i / LEVELS].how), 0);
	ck_found(verify, file, says, what);
	ck_found(export, file, says, what);
	ck_assert(!fs_exists(AT_FDCWD, "x.tar"));
}
END_TEST

/* A flipped digit of a digest in index.json names a blob that is not there. */
START_TEST(flipped_digest_in_index_json)
{
	const char *verify[] = {"image", "verify", NULL};

	make_layout();
	ck_assert_int_eq(
		test_sh(NULL, "sed -i 's/sha256:[0-9a-f]\\{8\\}/sha256:00000000/' "
			      "out/index.json"),
		0);
	ck_found(verify, "out/blobs/sha256/00000000", "the blob is missing", "a digest");
}
END_TEST

static const struct {
	enum level level;
	const char *path, *to, *says;
} edits[] = {
	{TOP, "manifests.0.mediaType", "\"text/plain\"",
		"has the media type 'text/plain', which is neither an index's nor a "
		"manifest's"},
	{TOP, "manifests.0.mediaType",
		"\"application/vnd.docker.distribution.manifest.list.v2+json\"",
		"which is neither an index's nor a manifest's"},
	{TOP, "manifests.0.mediaType", "\"" OCI_MANIFEST "\"",
		"calls itself " OCI_INDEX ", its descriptor " OCI_MANIFEST},
	{TOP, "manifests.0.size", "104857600",
		"bytes where its descriptor says 104857600"},
	{TOP, "manifests.0.size", "-1", "no sha256 digest with a size"},
	{TOP, "manifests.0.digest", "\"sha256:../../../etc/passwd\"",
		"sha256:../../../etc/passwd, which is no sha256 digest with a size"},
	{TOP, "schemaVersion", "1", "out/index.json: schemaVersion is not 2"},
	{TOP, "manifests", "{}", "out/index.json: there is no array \"manifests\""},
	{TOP, "layers", "[]", "has the fields of a manifest beside those of an index"},
	{INDEX, "mediaType", "\"" OCI_MANIFEST "\"",
		"calls itself " OCI_MANIFEST ", its descriptor " OCI_INDEX},
	{INDEX, "config", "{}", "has the fields of a manifest beside those of an index"},
	{INDEX, "manifests.0.platform", NULL, "has no platform"},
	{INDEX, "manifests.0.platform.architecture", "\"arm64\"",
		"its config says architecture 'amd64', the index 'arm64'"},
	{INDEX, "manifests.0.platform.variant", "\"v3\"",
		"its config says variant '', the index 'v3'"},
	{INDEX, "manifests.0.mediaType", "\"application/octet-stream\"",
		"which is neither an index's nor a manifest's"},
	{MANIFEST, "mediaType", "\"" OCI_INDEX "\"",
		"calls itself " OCI_INDEX ", its descriptor " OCI_MANIFEST},
	{MANIFEST, "manifests", "[]",
		"has the fields of an index beside those of a manifest"},
	{MANIFEST, "layers.0.mediaType", "\"text/plain\"",
		"its media type 'text/plain' is no layer's"},
	{MANIFEST, "layers.0.mediaType", "\"" OCI_LAYER "+zstd\"",
		"its media type is " OCI_LAYER "+zstd, but its bytes are gzip"},
	{MANIFEST, "layers.0.size", "7", "where its descriptor says 7"},
	{MANIFEST, "config.mediaType", "\"text/plain\"",
		"it has layers, but its config has the media type 'text/plain'"},
	{MANIFEST, "config.mediaType", "\"" OCI_LAYER "\"",
		"its config has the media type '" OCI_LAYER "'"},
	{MANIFEST, "layers", "[]", "it has 0 layers, but its config has 1 diff_ids"},
	{CONFIG, "architecture", NULL, "its config has no \"architecture\""},
	{CONFIG, "os", "\"windows\"", "its config says os 'windows', the index 'linux'"},
	{CONFIG, "rootfs.diff_ids", "[]", "has 0 diff_ids"},
	{CONFIG, "rootfs.diff_ids",
		"[\"sha256:"
		"0000000000000000000000000000000000000000000000000000000000000000\"]",
		"but the config's diff_id is sha256:0000"},
};

START_TEST(wrong_meaning_is_found)
{
	const char *verify[] = {"image", "verify", "out", NULL};

	make_layout();
	edit("out", edits[_i].level, edits[_i].path, edits[_i].to);
	ck_found(verify, edits[_i].level == TOP ? "" : OCI_TEST_NAME ":6.12",
		edits[_i].says, edits[_i].path);
}
END_TEST

/* What no client should ever read whole, with all its digests right. */
START_TEST(a_huge_manifest_is_found)
{
	const char *verify[] = {"image", "verify", "out", NULL};
	const size_t len = 100 << 20;
	_free_ char *data = xmalloc(len), *name = NULL, *size = test_path("%zu", len);
	struct oci_layout l = OCI_LAYOUT_CLOSED;
	char hex[SHA256_HEX_LEN + 1];
	struct err e = {0};

	make_layout();
	memset(data, ' ', len);
	memcpy(data, "{}", 2);
	ck_ok(oci_layout_open(&l, "out", &e), &e);
	ck_ok(oci_blob_store(&l, data, len, hex, &e), &e);
	oci_layout_close(&l);
	name = test_path("\"sha256:%s\"", hex);
	/* One after the other: the chain below it can't be read any more afterwards. */
	edit("out", TOP, "manifests.0.size", size);
	ck_assert_int_eq(
		test_sh(NULL, "sed -i 's/\"sha256:[^\"]*\"/%s/' out/index.json", name),
		0);
	ck_found(verify, hex,
		"100.0 MiB is more than an index, manifest or config may have (4.0 MiB)",
		"100 MB");
}
END_TEST

START_TEST(doubled_names_are_found)
{
	const char *verify[] = {"image", "verify", "out", NULL};

	make_layout();
	oci_test_publish(oci_test_tiny("amd64", "two"), "out", "6.13", false);
	ck_assert_int_eq(test_sh(NULL, "sed -i 's/6[.]13/6.12/g' out/index.json"), 0);
	ck_found(verify, OCI_TEST_NAME ":6.12",
		"index.json has more than one entry with io.containerd.image.name",
		"names");
}
END_TEST

/* All faults are told, not the first one alone. */
START_TEST(every_fault_is_told)
{
	const char *verify[] = {"image", "verify", "out", NULL};
	_buf_ struct buf out = {0};

	make_layout();
	oci_test_publish(oci_test_tiny("arm64", "two"), "out", "6.12", false);
	oci_test_publish(oci_test_tiny("riscv64", "three"), "out", "6.13", false);
	ck_assert_int_eq(test_sh(NULL, "cd out/blobs/sha256 && for b in *; do "
				       "grep -q '^{' $b || truncate -s 20 $b; done"),
		0);
	ck_assert_int_eq(test_kiln(&out, verify), ERR_STORE);
	ck_assert_msg(strstr(out.data,
			      "kiln: out: the layout is damaged, 3 faults above") != NULL,
		"%s", out.data);
}
END_TEST

/* Publishing onto a tag whose index is damaged stops; removing the tag is the way out. */
START_TEST(damage_is_not_built_upon)
{
	const char *more = oci_test_tiny("arm64", "two");
	const char *rm[] = {"image", "rm", OCI_TEST_NAME ":6.12", NULL};
	const struct oci_tag tag = {"6.12", false};
	_free_ char *file = NULL, *want = NULL;
	_buf_ struct buf out = {0};
	struct err e = {0};

	make_layout();
	file = path_of(INDEX);
	want = test_path("%s: the blob is missing ('kiln image rm " OCI_TEST_NAME
			 ":6.12' lets the tag be made anew)",
		file);
	ck_assert_int_eq(unlink(file), 0);
	ck_fails(oci_publish(more, "out", OCI_TEST_NAME, &tag, 1, &e), &e, ERR_STORE,
		want);
	ck_assert_int_eq(test_kiln(&out, rm), 0);
	ck_ok(oci_publish(more, "out", OCI_TEST_NAME, &tag, 1, &e), &e);
	oci_test_sound("out");
}
END_TEST

static size_t count_blobs(void)
{
	_str_vec_ struct str_vec names = {0};
	struct err e = {0};

	ck_ok(fs_list(AT_FDCWD, "out/blobs/sha256", &names, &e), &e);
	return names.len;
}

START_TEST(garbage_goes)
{
	const char *gc[] = {"image", "gc", NULL}, *rm[] = {"image", "rm", "6.13", NULL};
	_buf_ struct buf out = {0};

	make_layout();
	ck_assert_uint_eq(count_blobs(), 4);
	/* Replaced: index, manifest, config and layer of the first are garbage. */
	oci_test_publish(oci_test_tiny("amd64", "newer"), "out", "6.12", false);
	oci_test_publish(oci_test_tiny("arm64", "other"), "out", "6.13", false);
	ck_assert_uint_eq(count_blobs(), 12);
	ck_assert_int_eq(test_kiln(&out, gc), 0);
	ck_assert_uint_eq(count_blobs(), 8);
	ck_assert_int_eq(test_kiln(&out, rm), 0);
	ck_assert_uint_eq(count_blobs(), 4);
	oci_test_sound("out");
}
END_TEST

START_TEST(nothing_goes_when_in_doubt)
{
	const char *gc[] = {"image", "gc", NULL};
	_free_ char *file = NULL;
	_buf_ struct buf out = {0};

	make_layout();
	oci_test_publish(oci_test_tiny("amd64", "newer"), "out", "6.12", false);
	file = path_of(MANIFEST);
	ck_assert_int_eq(test_sh(NULL, "printf x >>%s", file), 0);
	ck_assert_int_eq(test_kiln(&out, gc), ERR_STORE);
	ck_assert_msg(strstr(out.data, "nothing was removed") != NULL, "%s", out.data);
	ck_assert_uint_eq(count_blobs(), 8);
}
END_TEST

START_TEST(usage)
{
	static const struct {
		const char *args[6];
		const char *says;
	} cases[] = {
		{{"image"}, "kiln: usage: kiln image [-o LAYOUT] ls | inspect IMAGE | "},
		{{"image", "paint"}, "kiln: usage: kiln image "},
		{{"image", "inspect"}, "kiln: usage: kiln image "},
		{{"image", "ls", "-o", "nowhere"}, "kiln: nowhere: there is no such "
						   "directory: name an OCI image layout "
						   "with -o"},
		{{"image", "inspect", "6.99"}, "kiln: out: there is no image '6.99': "
					       "'kiln image ls' shows the names"},
		{{"image", "export", "--format=zip", "6.12", "f"},
			"kiln: --format is oci-archive or docker-archive, not 'zip'"},
		{{"image", "export", "--arch=arm64", "6.12", "f"},
			"kiln: out: docker.io/linuxkit/kernel:6.12 has linux/amd64: say "
			"which "
			"with --arch"},
	};

	make_layout();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_buf_ struct buf out = {0};

		ck_assert_int_eq(test_kiln(&out, cases[i].args), ERR_USAGE);
		ck_assert_msg(str_starts(out.data, cases[i].says), "%s", out.data);
	}
}
END_TEST

Suite *suite_oci_verify(void)
{
	Suite *s = suite_create("oci_verify");
	TCase *tables = tcase_create("tables");

	tcase_set_timeout(tables, 30);
	tcase_add_loop_test(tables, damage_is_found, 0, (int)ARRAY_LEN(damages) * LEVELS);
	tcase_add_loop_test(tables, wrong_meaning_is_found, 0, (int)ARRAY_LEN(edits));
	suite_add_tcase(s, tables);
	test_case(s, "verify", 30, flipped_digest_in_index_json, a_huge_manifest_is_found,
		doubled_names_are_found, every_fault_is_told, damage_is_not_built_upon,
		garbage_goes, nothing_goes_when_in_doubt, usage);
	return s;
}
