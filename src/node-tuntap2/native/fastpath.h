/*
 * Flows, SAs, calls and routes, and the batch work on them; the semantics are in types.ts (FastPath). No function keeps
 * a pointer to an argument. Where a function can be misused it returns less than 0 and fp->why says how.
 */
#ifndef TT_FASTPATH_H
#define TT_FASTPATH_H
#include "esp.h"
#include "table.h"
#include "tt.h"

enum tt_encap { ENCAP_UDP, ENCAP_ESP, ENCAP_CLEAR };
enum { PPP_IP = 0x21, PPP_IP6 = 0x57, PPP_LCP = 0xc021 };
enum tt_origin { ORIGIN_UDP4500, ORIGIN_RAW50, ORIGIN_UDP1701 };

struct tt_flow_params {
	uint8_t local[16], remote[16];
	uint8_t alen; /* 4 or 16 */
	uint16_t lport, rport;
	enum tt_encap encap;
};
struct tt_flow {
	struct tt_obj obj;
	struct tt_flow_params p;
	uint32_t sa_out;     /* handle, 0: none */
	uint32_t sas, calls; /* that point here */
	bool news;	     /* `moved` has not been fetched */
	bool reported;	     /* moved's remote is what was reported last */
	uint8_t moved[TT_ADDR];
};
struct tt_sa {
	struct tt_obj obj;
	uint32_t spi, flow, seq;
	bool inbound;
	uint64_t packets, bytes, hard_packets, hard_bytes;
	struct replay replay;
	struct esp *esp; /* on its own: the pool moves */
};
struct tt_call_params {
	uint32_t flow, dev, clamp;
	uint16_t ltunnel, lcall, ptunnel, pcall, lport, rport;
	bool ip, ip6, sequencing, all_up, check_source;
	uint8_t ppp[4], ppp_len;
	uint16_t passes;       /* a longer packet of the host goes up; 0: none does for its length */
	uint16_t echo_longest; /* LCP Echo-Requests up to this length are answered here; 0: none */
	uint32_t echo_magic;
};
struct tt_bucket {	/* what a rate leaves, saved up for an eighth of a second */
	uint64_t rate;	/* bytes a second, 0: any number */
	uint64_t saved; /* thousandths of a byte */
	int64_t at;	/* when that was, as fp_now() */
};
struct tt_call {
	struct tt_obj obj;
	struct tt_call_params p;
	uint32_t dev; /* place in fp->devs */
	uint32_t routes;
	uint16_t ns;
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	uint64_t echoes; /* answered */
	int64_t echo_ms; /* when the last one was, as fp_now() */
	struct tt_bucket in, out;
};
struct tt_lengths { /* what prefix lengths one family has on a device */
	uint32_t routes[129];
	uint64_t present[3]; /* bit n: routes[n] is not 0 */
};
struct tt_dev {
	uint32_t id, users; /* users 0: free */
	struct tt_lengths ip4, ip6;
};
#define ROUTE_KEY 5 /* words: the prefix; place of the device << 16 | bytes of an address << 8 | length */
struct tt_route {
	struct tt_obj obj;
	uint32_t next; /* place + 1 in the same chain */
	uint32_t call; /* 0: not in a chain yet */
	uint32_t key[ROUTE_KEY];
};
struct tt_fp {
	struct tt_pool flows, sas, calls, routes;
	/* spi and tunnel << 16 | call to handles: we choose both, so nobody chooses collisions */
	struct tt_map spis, ids;
	struct tt_map exits;	      /* kind << 32 | REF of a TUN, or family of a socket, to fd + 1 */
	uint32_t *chains, chain_mask; /* of routes, place + 1 */
	uint64_t route_seed[ROUTE_KEY + 1];
	struct tt_dev *devs;
	uint32_t ndevs;
	uint32_t news;	   /* flows with news */
	uint32_t answered; /* Echo-Requests of this fp_rx() */
	uint32_t unknown_spi;
	uint8_t unknown_from[TT_ADDR];
	uint64_t drops[TT_DROPS];
	const char *why;
};

struct tt_fp *fp_new(void); /* NULL without libcrypto or memory */
void fp_free(struct tt_fp *fp);

/* table part: fpconf.c */
int64_t fp_add_flow(struct tt_fp *fp, const struct tt_flow_params *p);
int fp_set_flow(struct tt_fp *fp, uint32_t flow, const struct tt_flow_params *p);
int fp_remove_flow(struct tt_fp *fp, uint32_t flow);
struct tt_sa_params {
	bool inbound;
	uint32_t spi, flow, window;
	const char *cipher, *integ;
	const uint8_t *key, *mac_key;
	size_t key_len, mac_key_len;
	uint64_t hard_bytes, hard_packets;
};
int64_t fp_add_sa(struct tt_fp *fp, const struct tt_sa_params *p);
int fp_set_flow_sa(struct tt_fp *fp, uint32_t flow, uint32_t sa);
int fp_remove_sa(struct tt_fp *fp, uint32_t sa);
int fp_sa_counters(struct tt_fp *fp, uint32_t sa, uint64_t out[3]);
int64_t fp_add_call(struct tt_fp *fp, const struct tt_call_params *p);
int fp_set_call(struct tt_fp *fp, uint32_t call, const struct tt_call_params *p);
int fp_remove_call(struct tt_fp *fp, uint32_t call);
int fp_call_counters(struct tt_fp *fp, uint32_t call, uint64_t out[4]);
/* Number of Echo-Requests answered, and milliseconds since the last one, 0 when there was none. */
int fp_call_echoes(struct tt_fp *fp, uint32_t call, uint64_t out[2]);
int fp_set_rate(struct tt_fp *fp, uint32_t call, uint64_t in, uint64_t out);
/* Whether `bytes` more are within the rate; they are taken off it then. */
bool fp_within(struct tt_bucket *b, size_t bytes);
/* Where packets of a kind leave: fd; -1: nowhere. `ref`: of a TUN, or the family of a socket, 4 or 6. */
int fp_set_exit(struct tt_fp *fp, uint32_t kind, uint32_t ref, int fd);
int fp_exit(const struct tt_fp *fp, uint32_t kind, uint32_t ref);
/* The descriptor is going to be closed. */
void fp_forget(struct tt_fp *fp, int fd);
/* Milliseconds, monotonic, to a few of them. */
int64_t fp_now(void);
/* Place + 1 of the device in fp->devs, which has one user more; 0: no memory. */
uint32_t fp_dev_hold(struct tt_fp *fp, uint32_t id);
/* fproute.c; `size` 4: IPv4; 16: IPv6. */
int fp_add_route(struct tt_fp *fp, uint32_t dev, const uint8_t *prefix, size_t size, uint32_t length, uint32_t call);
int fp_remove_route(struct tt_fp *fp, uint32_t dev, const uint8_t *prefix, size_t size, uint32_t length);
int fp_mapping(struct tt_fp *fp, uint32_t flow, uint8_t into[TT_ADDR]); /* 1: filled */
uint32_t fp_next_mapping(const struct tt_fp *fp);
uint32_t fp_next_unknown_spi(struct tt_fp *fp, uint8_t into[TT_ADDR]);

/* Handle of the call that `ip` (4 bytes, or 16) belongs to on a device, 0: none. */
uint32_t fp_lookup(const struct tt_fp *fp, const struct tt_dev *dev, const uint8_t *ip, size_t size);
const struct tt_dev *fp_dev(const struct tt_fp *fp, uint32_t id);

/* packet part: fptx.c, fprx.c. The ring has been checked up to n. */
int fp_tx(struct tt_fp *fp, uint32_t dev, struct tt_ring *r, uint32_t n);
int fp_tx_frames(struct tt_fp *fp, uint32_t call, struct tt_ring *r, uint32_t n);
int fp_tx_control(struct tt_fp *fp, uint32_t flow, uint16_t lport, uint16_t rport, struct tt_ring *r, uint32_t n);
/* A PPP frame for the call in slot i; false: dropped, and counted. */
bool fp_tx_frame(struct tt_fp *fp, struct tt_call *c, struct tt_ring *r, uint32_t i);
/* Returns how many go to the control plane. Slots with our own answers (fp->answered) are as fp_tx() leaves them. */
int fp_rx(struct tt_fp *fp, enum tt_origin origin, struct tt_ring *r, uint32_t n);

#endif
