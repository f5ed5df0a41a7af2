/* toolchain_report.h: which programs built a kernel, asked of the programs themselves. */
#ifndef KILN_TOOLCHAIN_REPORT_H
#define KILN_TOOLCHAIN_REPORT_H

#include "kernel/kbuild.h"

/* out/toolchain.json: the toolchain's name, and for each of its programs the first line
 * of what --version prints in the box. */
int toolchain_report(const struct kbuild *k, int out, struct err *e);

#endif
