/*
 * Clock, files, environment, output, and how much memory is used and may be: into the object that TypeScript gets
 * (sys.ts).
 */
#ifndef L2TPSEC_SYS_H
#define L2TPSEC_SYS_H
#include "host.h"

void sys_add(struct host *h, JSValue sys);

#endif
