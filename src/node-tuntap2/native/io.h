/* TUN, UDP, raw and netlink sockets. On a system error they return -1 and fill *e. */
#ifndef TT_IO_H
#define TT_IO_H
#include "tt.h"

enum tt_tun_mode { TUN_PLAIN, TUN_TAP, TUN_OFFLOAD };
/* tun.c. `name`: in and out, ended by a zero. */
int tt_tun_open(char name[16], enum tt_tun_mode mode, struct tt_err *e);
/* inet.c. `offload`: what the kernel has of segmentation and coalescing is used. */
int tt_udp_open(const uint8_t *addr, size_t alen, uint16_t port, bool reuse, bool offload, int buffer,
		struct tt_err *e);
int tt_raw_hide(int fd, int family, struct tt_err *e);
int tt_raw_open(int family, int protocol, const uint8_t *addr, size_t alen, struct tt_err *e);
int tt_netlink_open(int protocol, uint32_t groups, struct tt_err *e);
int tt_socket_port(int fd, struct tt_err *e);
int tt_read_tun(int fd, struct tt_ring *r, struct tt_err *e);
int tt_read_udp(int fd, struct tt_ring *r, struct tt_err *e);
int tt_read_raw(int fd, struct tt_ring *r, struct tt_err *e);
/* `drops` may be NULL. The ring has been checked up to n; tt_write_tun() changes headers in it. */
int tt_write_tun(int fd, struct tt_ring *r, uint32_t n, uint32_t ref, uint64_t *drops);
int tt_write_socket(int fd, const struct tt_ring *r, uint32_t n, uint32_t kind, bool raw, uint64_t *drops,
		    struct tt_err *e);
/* Keys in memory must not reach a core file or another process of the same user. */
int tt_no_dumps(struct tt_err *e);
/* As many descriptors as this process may have, and 32768 at the most. */
void tt_many_files(void);
/* The path's MTU; `local` gets 4 or 16 bytes as alen says. */
int tt_probe_path(const uint8_t *remote, size_t alen, uint8_t local[16], uint32_t *ifindex, struct tt_err *e);

#endif
