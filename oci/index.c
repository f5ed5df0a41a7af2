#include "oci/index.h"

#include <stdlib.h>
#include "oci/media.h"
#include "orchestrator/base/mem.h"

json_t *oci_index_new(void)
{
	return json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", OCI_INDEX,
		"manifests");
}

const char *oci_index_fault(const json_t *value)
{
	const json_t *manifests = json_object_get(value, "manifests"), *entry;
	const json_t *type = json_object_get(value, "mediaType");
	size_t i;

	if (json_integer_value(json_object_get(value, "schemaVersion")) != 2)
		return "schemaVersion is not 2";
	if (type && !str_eq(json_string_value(type), OCI_INDEX))
		return "mediaType is not that of an image index";
	if (!json_is_array(manifests))
		return "there is no array \"manifests\"";
	/* CVE-2021-41190: what could be read as either is neither. */
	if (json_object_get(value, "layers") || json_object_get(value, "config"))
		return "it has the fields of a manifest beside those of an index";
	json_array_foreach(manifests, i, entry) if (
		!json_is_object(entry)) return "an entry of \"manifests\" is no object";
	return NULL;
}

static const char *annotation(const json_t *descriptor, const char *key)
{
	return json_get_string(json_object_get(descriptor, "annotations"), key);
}

json_t *oci_index_named(const json_t *index, const char *full_name)
{
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(index, "manifests"), i,
		entry) if (str_eq(annotation(entry, OCI_IMAGE_NAME),
				   full_name)) return entry;
	return NULL;
}

const char *oci_index_name_of(const json_t *descriptor)
{
	const char *name = annotation(descriptor, OCI_IMAGE_NAME);

	if (!name)
		name = annotation(descriptor, OCI_REF_NAME);
	if (!name)
		name = json_get_string(descriptor, "digest");
	return name ? name : "(no name)";
}

/* How well a user's word fits: a whole name beats a tag, a tag beats the end of a name.
 */
static int fit(const json_t *entry, const char *word)
{
	const char *name = annotation(entry, OCI_IMAGE_NAME);
	size_t len = strlen(word), name_len = name ? strlen(name) : 0;

	if (str_eq(name, word) || str_eq(json_get_string(entry, "digest"), word))
		return 3;
	if (str_eq(annotation(entry, OCI_REF_NAME), word))
		return 2;
	if (name_len > len && str_ends(name, word) && name[name_len - len - 1] == '/')
		return 1;
	return 0;
}

json_t *oci_index_lookup(
	const json_t *index, const char *path, const char *word, struct err *e)
{
	json_t *entry, *found = NULL;
	int best = 0, count = 0;
	size_t i;

	json_array_foreach(json_object_get(index, "manifests"), i, entry)
	{
		int this = fit(entry, word);

		if (this > best) {
			best = this;
			count = 0;
		}
		if (this > 0 && this == best) {
			found = entry;
			count++;
		}
	}
	if (count == 1)
		return found;
	err_set(e, ERR_USAGE, "%s: %s '%s': 'kiln image ls' shows the names", path,
		count ? "more than one image is called" : "there is no image", word);
	return NULL;
}

static bool ref_is_taken(const json_t *index, const char *ref, const char *full_name)
{
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(index, "manifests"), i,
		entry) if (str_eq(annotation(entry, OCI_REF_NAME), ref) &&
			   !str_eq(annotation(entry, OCI_IMAGE_NAME),
				   full_name)) return true;
	return false;
}

static int by_name(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;
	int order = strcmp(oci_index_name_of(*x), oci_index_name_of(*y));
	const char *p = json_get_string(*x, "digest"), *q = json_get_string(*y, "digest");

	return order || !p || !q ? order : strcmp(p, q);
}

/* Rebuilds an array in the order of cmp. */
static void sort_array(json_t *array, int (*cmp)(const void *, const void *))
{
	size_t count = json_array_size(array);
	_free_ json_t **items = xcalloc(count + 1, sizeof(*items));

	for (size_t i = 0; i < count; i++)
		items[i] = json_incref(json_array_get(array, i));
	qsort(items, count, sizeof(*items), cmp);
	json_array_clear(array);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, items[i]);
}

void oci_index_set_name(
	json_t *index, json_t *descriptor, const char *name, const char *tag)
{
	_free_ char *full_name = xasprintf("%s:%s", name, tag);
	const char *slash = strrchr(name, '/');
	_free_ char *longer = xasprintf("%s:%s", slash ? slash + 1 : name, tag);
	json_t *manifests = json_object_get(index, "manifests"), *entry;
	/* Images of one layout may share a tag, but what a client asks for by its
	 * ref.name has to be one: the second is called "image:tag", the next by its
	 * whole name. */
	const char *const refs[] = {tag, longer, full_name};
	size_t ref = 0, i;

	while (ref + 1 < ARRAY_LEN(refs) && ref_is_taken(index, refs[ref], full_name))
		ref++;
	for (i = json_array_size(manifests); i > 0; i--) {
		entry = json_array_get(manifests, i - 1);
		if (str_eq(annotation(entry, OCI_IMAGE_NAME), full_name))
			json_array_remove(manifests, i - 1);
	}
	entry = json_deep_copy(descriptor);
	json_object_set_new(entry, "annotations",
		json_pack("{s:s, s:s}", OCI_REF_NAME, refs[ref], OCI_IMAGE_NAME,
			full_name));
	json_array_append_new(manifests, entry);
	sort_array(manifests, by_name);
}

char *oci_platform_name(const json_t *descriptor)
{
	const json_t *platform = json_object_get(descriptor, "platform");
	const char *os = json_get_string(platform, "os");
	const char *architecture = json_get_string(platform, "architecture");
	const char *variant = json_get_string(platform, "variant");

	return xasprintf("%s/%s%s%s", os ? os : "?", architecture ? architecture : "?",
		variant ? "/" : "", variant ? variant : "");
}

static int by_platform(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;
	_free_ char *p = oci_platform_name(*x), *q = oci_platform_name(*y);

	return strcmp(p, q);
}

void oci_index_set_platform(json_t *index, json_t *descriptor)
{
	_free_ char *platform = oci_platform_name(descriptor);
	json_t *manifests = json_object_get(index, "manifests");

	for (size_t i = json_array_size(manifests); i > 0; i--) {
		_free_ char *other = oci_platform_name(json_array_get(manifests, i - 1));

		if (str_eq(platform, other))
			json_array_remove(manifests, i - 1);
	}
	json_array_append(manifests, descriptor);
	sort_array(manifests, by_platform);
}
