#include "orchestrator/base/json.h"

#include "orchestrator/base/mem.h"

void json_decref_ptr(json_t **j)
{
	json_decref(*j);
	*j = NULL;
}

json_t *json_parse(
	const char *text, size_t len, const char *name, int code, struct err *e)
{
	json_error_t why;
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);

	if (!j) {
		/* The text of the error quotes the input, which may be hostile. */
		_free_ char *shown = str_printable(why.text);

		err_set(e, code, "%s:%d:%d: this is not the JSON it should be: %s", name,
			why.line, why.column, shown);
	}
	return j;
}

static int add_to_buf(const char *data, size_t len, void *arg)
{
	buf_add(arg, data, len);
	return 0;
}

void json_dump(const json_t *j, struct buf *out)
{
	json_dump_callback(
		j, add_to_buf, out, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
}

const char *json_get_string(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}
