/*
 * What the fast path ought to hold, kept the obvious way: lists that are searched from end to end. The targets change
 * the fast path and this model alike and compare.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H
#include "fastpath.h"
#include "ip.h"
#include "input.h"

#define USERS 4
#define SAS 12
#define CALLS 8
#define ROUTES 48
#define SEEN 256 /* packets under one SA in one input */

struct m_user {	       /* a flow */
	uint32_t flow; /* handle, 0: none */
	struct tt_flow_params p;
	int out; /* the SA that sends, -1: none */
};
struct m_sa {
	uint32_t handle; /* 0: none */
	int user;
	bool inbound;
	uint32_t spi, window, seq; /* seq: outbound */
	uint64_t packets, bytes, hard_packets, hard_bytes;
	struct esp peer; /* the other end: it seals for one of ours that opens, and opens for one that seals */
	uint32_t seen[SEEN], nseen, top;
};
struct m_call {
	uint32_t handle; /* 0: none */
	int user;
	struct tt_call_params p;
	uint64_t rx, tx;
};
struct m_route {
	uint32_t dev, length;
	size_t size; /* 4 or 16; 0: none */
	uint8_t prefix[16];
	int call;
};
struct world {
	struct tt_fp *fp;
	struct m_user users[USERS];
	struct m_sa sas[SAS];
	struct m_call calls[CALLS];
	struct m_route routes[ROUTES];
	uint8_t *mem; /* of the ring: exactly as long, so that a byte behind it is seen */
	struct tt_ring ring;
};

/* Three users with everything, as the first bytes say. */
void world_init(struct world *w, struct input *in);
void world_free(struct world *w);
/* One call of the configuration, whatever it is; the model follows, and both must agree whether it was possible. */
void world_configure(struct world *w, struct input *in);
/* The call (index) that an address on a device belongs to by the longest prefix, -1: none. */
int world_lookup(const struct world *w, uint32_t dev, const uint8_t *ip, size_t size);

/* RFC 4303 3.4.3: as it is written, with a list. */
bool model_fresh(const struct m_sa *s, uint32_t seq);
void model_mark(struct m_sa *s, uint32_t seq);
bool model_spent(const struct m_sa *s); /* a hard limit is reached */

/*
 * Seals `n` bytes of text, trailer and all: unlike esp_seal() it makes whatever the fuzzer wants out of it. Text lies
 * at p, with room in front and behind. Returns where the packet begins, and its length.
 */
uint8_t *seal_text(struct esp *e, uint32_t spi, uint32_t seq, uint8_t *p, size_t n, size_t *len);
enum esp_result open_packet(struct esp *e, uint8_t *p, size_t len, uint8_t **out, size_t *out_len, uint8_t *next);

#endif
