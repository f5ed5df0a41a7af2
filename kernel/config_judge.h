/* config_judge.h: what a finished configuration is measured by. */
#ifndef KILN_CONFIG_JUDGE_H
#define KILN_CONFIG_JUDGE_H

#include "kernel/config_report.h"

/* Reads the Kconfig files of k's tree. */
int config_model(const struct kbuild *k, struct kconfig *kc, struct err *e);

/* Measures the configuration out/config by what was asked: leaves out/report.json and
 * out/report.txt, logs the text, and fails as the request's drift demands. text is what
 * kconfig was given. */
int config_judge(const struct kbuild *k, const struct config_request *request,
	struct buf *text, const struct config_set *asked, int out, struct err *e);

#endif
