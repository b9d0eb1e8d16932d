/* Addresses as the kernel has them; for the files that open sockets. */
#ifndef TT_SOCKADDR_H
#define TT_SOCKADDR_H
#include "tt.h"
#include <netinet/in.h>
#include <sys/socket.h>

union sa {
	struct sockaddr any;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};
/* `addr` has 4 or 16 bytes. Returns the length of what was filled. */
socklen_t sa_fill(union sa *s, const uint8_t *addr, size_t alen, uint16_t port);
/* The socket's own. */
int sa_own(int fd, union sa *s, struct tt_err *e);
uint16_t sa_port(const union sa *s);
bool tt_all_zero(const uint8_t *p, size_t n);
#endif
