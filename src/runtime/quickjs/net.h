/* Descriptors, UNIX sockets, names: into the object that TypeScript gets (sys.ts). */
#ifndef L2TPSEC_NET_H
#define L2TPSEC_NET_H
#include "host.h"

void net_add(struct host *h, JSValue sys);

#endif
