/* version.h: what this kiln is, and where its data was installed. */
#ifndef KILN_VERSION_H
#define KILN_VERSION_H

extern const char kiln_version[];
extern const char kiln_datadir[];

#endif
