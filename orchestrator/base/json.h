/* json.h: jansson with limits and with errors that name the file. */
#ifndef KILN_JSON_H
#define KILN_JSON_H

#include <jansson.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

void json_decref_ptr(json_t **j);
#define _json_ __attribute__((cleanup(json_decref_ptr)))

/* Parses text; duplicate keys and trailing bytes are errors. name is for the sentence,
 * code its kind (ERR_STORE, ERR_INPUT, ...). The caller owns the result; NULL on error.
 */
json_t *json_parse(
	const char *text, size_t len, const char *name, int code, struct err *e);
/* Sorted keys, no white space: the same value always gives the same bytes. */
void json_dump(const json_t *j, struct buf *out);
/* The string at key of an object, or NULL when it is missing or no string. */
const char *json_get_string(const json_t *object, const char *key);

#endif
