/* kiln tag: the image name and hash tag of targets. */
#include <stdio.h>
#include "orchestrator/command.h"
#include "orchestrator/publish.h"

int cmd_tag(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	_selection_ struct selection selection = {0};
	_session_ struct session s = {.store = {.fd = -1, .lock = -1}};
	struct publish_options to = {0};
	const struct option_row rows[] = {
		SELECTION_ROWS(&selection),
		{"--org", "NAME", "instead of linuxkit", &to.org, false},
		{"--image", "NAME", "instead of kernel", &to.image, false},
		{0},
	};
	_free_ char *name = NULL;

	(void)status;
	argc = options_rows(rows, argc, argv, e);
	if (argc < 0 || session_open(&s, global, &selection, argc - 1, argv + 1, e) < 0)
		return -1;
	name = publish_short_name(&to, str_vec_has(&selection.tools, "perf"));
	for (size_t i = 0; i < s.targets.count; i++)
		printf("%s:%s-%s\n", name, s.targets.items[i].tag,
			s.targets.items[i].hash);
	return 0;
}
