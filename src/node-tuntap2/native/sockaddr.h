/* Addresses as the kernel has them; for the files that open sockets. */
#ifndef TT_SOCKADDR_H
#define TT_SOCKADDR_H
#include "tt.h"
#include <netinet/in.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT /* Linux 4.18, and 5.0 for UDP_GRO; C libraries learned them later */
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

union sa {
	struct sockaddr any;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};
union control { /* aligned room for PKTINFO and a segment's size */
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};
/* `addr` has 4 or 16 bytes. Returns the length of what was filled. */
socklen_t sa_fill(union sa *s, const uint8_t *addr, size_t alen, uint16_t port);
/* The socket's own. */
int sa_own(int fd, union sa *s, struct tt_err *e);
uint16_t sa_port(const union sa *s);
bool tt_all_zero(const uint8_t *p, size_t n);
#endif
