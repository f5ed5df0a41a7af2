/* kiln why: what moved the keys of a target since its last build. */
#include <stdio.h>
#include <stdlib.h>
#include "orchestrator/command.h"
#include "orchestrator/session.h"
#include "orchestrator/why.h"

int cmd_why(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	_selection_ struct selection selection = {0};
	_session_ struct session s = {.store = {.fd = -1, .lock = -1}};

	(void)status;
	if (session_from_args(&s, global, &selection, argc, argv, e) < 0)
		return -1;
	for (size_t i = 0; i < s.targets.count; i++) {
		_buf_ struct buf text = {0};

		why_target(&s, i, &text);
		fputs(buf_str(&text), stdout);
	}
	return 0;
}
