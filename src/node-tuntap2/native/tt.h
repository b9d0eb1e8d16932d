/* Shared by all C files of the library; includes no engine's header. */
#ifndef TT_H
#define TT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* As in types.ts. */
#define TT_SLOT 2048
#define TT_HEAD 128
#define TT_TAIL 64
#define TT_MAX_SLOTS 256
enum { TT_OFF, TT_LEN, TT_KIND, TT_REF, TT_META };
#define TT_ADDR 44
enum { /* byte offsets in an addr entry */
       TT_A_FAMILY = 0,
       TT_A_RPORT = 2,
       TT_A_REMOTE = 4,
       TT_A_LOCAL = 20,
       TT_A_IFINDEX = 36,
       TT_A_LPORT = 40,
};
enum {
	TT_K_NONE = 0,
	TT_K_UDP4500 = 1,
	TT_K_RAW50 = 2,
	TT_K_UDP1701 = 3,
	TT_K_TUN = 10,
	TT_K_UP_IKE = 11,
	TT_K_UP_L2TP = 12,
	TT_K_UP_FRAME = 13,
	TT_K_UP_DATA = 14,
	TT_K_UP_IP = 15,
	TT_K_TRUNCATED = 16,
};

/* In the order of DROPS in types.ts. */
enum tt_drop {
	D_ESP_UNKNOWN_SPI,
	D_ESP_SHORT,
	D_ESP_AUTH,
	D_ESP_REPLAY,
	D_ESP_PADDING,
	D_ESP_NEXT_HEADER,
	D_ESP_LIMIT,
	D_ESP_OUTER_MISMATCH,
	D_ESP_SEQ_EXHAUSTED,
	D_UDP_SHORT,
	D_UDP_PORT,
	D_L2TP_BAD_HEADER,
	D_L2TP_UNKNOWN_CALL,
	D_L2TP_WRONG_FLOW,
	D_PPP_SHORT,
	D_IP_NO_SESSION,
	D_IP_NOT_OPEN,
	D_IP_SPOOFED,
	D_IP_BAD,
	D_IP_TOO_BIG,
	D_TX_NO_SA,
	D_TX_NO_PEER,
	D_TX_SOCKET_FULL,
	D_TX_ERROR,
	D_TUN_FULL,
	D_TUN_ERROR,
	D_RX_TRUNCATED,
	D_NAT_KEEPALIVE,
	D_RATE_IN,
	D_RATE_OUT,
	TT_DROPS,
};

/*
 * A ring is one block of memory that the caller owns: slots * SLOT bytes of packets, then slots * META words, then
 * slots * ADDR bytes. Nothing here keeps a pointer into it after the call.
 */
struct tt_ring {
	uint8_t *mem;
	uint32_t *meta;
	uint8_t *addr;
	uint32_t slots;
};
#define TT_RING_BYTES(slots) ((size_t)(slots) * (TT_SLOT + TT_META * 4 + TT_ADDR))

/* ring.c. False: `bytes` is no ring's size. */
bool tt_ring_map(struct tt_ring *r, void *base, size_t bytes);
/* NULL when every packet below n lies inside its own slot, otherwise why not. */
const char *tt_ring_check(const struct tt_ring *r, uint32_t n);
/* Slot i holds `len` bytes from `at` in it on, or something that did not fit. */
void tt_place(struct tt_ring *r, uint32_t i, uint32_t at, uint32_t len, bool truncated);

/* A failed system call (error.c). */
struct tt_err {
	int no;
	const char *call;
};

/* Notes errno and the call that failed, closes fd unless it is negative; -1. */
int tt_fail(struct tt_err *e, const char *call, int fd);
/* "EADDRINUSE"; "E?" for one that is not in the table. */
const char *tt_errno_name(int no);

static inline uint16_t rd16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t rd32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline void wr16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}
static inline void wr32(uint8_t *p, uint32_t v)
{
	wr16(p, v >> 16);
	wr16(p + 2, v);
}
#endif
