/* JSON: strict on the way in, one form on the way out. */
#include "orchestrator/base/json.h"
#include "tests/test.h"

START_TEST(refuses)
{
	static const struct {
		const char *text, *msg;
	} cases[] = {
		{"", "f:1:0: this is not the JSON it should be: '[' or '{' expected near "
		     "end "
		     "of file"},
		{"{\"a\":1,\"a\":2}",
			"f:1:10: this is not the JSON it should be: duplicate "
			"object key near '\"a\"'"},
		{"{}x", "f:1:3: this is not the JSON it should be: end of file expected "
			"near "
			"'x'"},
		{"{\n\"a\": \"\x1b[2J\"}",
			"f:2:6: this is not the JSON it should be: control "
			"character 0x1b near '\"'"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = {0};

		ck_assert_ptr_null(json_parse(
			cases[i].text, strlen(cases[i].text), "f", ERR_STORE, &e));
		ck_assert_str_eq(e.msg, cases[i].msg);
		ck_assert_int_eq(e.code, ERR_STORE);
	}
}
END_TEST

START_TEST(one_form)
{
	const char *text = "{ \"b\": [1, 2], \"a\": {\"z\": null, \"y\": \"\xc3\xa4\"} }";
	_buf_ struct buf out = {0};
	struct err e = {0};
	_json_ json_t *j = json_parse(text, strlen(text), "f", ERR_STORE, &e);

	ck_assert_ptr_nonnull(j);
	json_dump(j, &out);
	ck_assert_str_eq(out.data, "{\"a\":{\"y\":\"\xc3\xa4\",\"z\":null},\"b\":[1,2]}");
	ck_assert_str_eq(json_get_string(json_object_get(j, "a"), "y"), "\xc3\xa4");
	ck_assert_ptr_null(json_get_string(j, "b"));
	ck_assert_ptr_null(json_get_string(j, "none"));
}
END_TEST

Suite *suite_json(void);
Suite *suite_json(void)
{
	Suite *s = suite_create("json");

	test_case(s, "json", 10, refuses, one_form);
	return s;
}
