#include "kernel/config_box.h"
#include "kernel/config_judge.h"
#include "kernel/config_merge.h"

static const char *const goals[] = {"defconfig", "oldconfig", NULL};

int kbuild_config(const struct kbuild *k, const struct config_request *request, int out,
	struct err *e)
{
	_buf_ struct buf text = {0};
	_config_set_ struct config_set asked = {0};

	if (config_merge(request, &text, &asked, e) < 0)
		return -1;
	const struct config_run run = {
		.text = buf_str(&text), .as_default = true, .goals = goals};
	if (config_run(k, &run, out, "config", e) < 0)
		return -1;
	return config_judge(k, request, &text, &asked, out, e);
}
