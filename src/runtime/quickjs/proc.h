/* Signals, children: into the object that TypeScript gets (sys.ts). */
#ifndef L2TPSEC_PROC_H
#define L2TPSEC_PROC_H
#include "host.h"

void proc_add(struct host *h, JSValue sys);

#endif
