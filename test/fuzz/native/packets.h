/*
 * Packets out of the fuzzer's bytes: sound ones with faults in them. Each is at most `most` bytes long; the length is
 * returned.
 */
#ifndef FUZZ_PACKETS_H
#define FUZZ_PACKETS_H
#include "model.h"

enum { TCP = 6, UDP = 17 };

/* Mostly a sound header, of one of a few addresses, with TCP options now and then. */
size_t ip_packet(struct input *in, uint8_t *p, size_t most);
/* From the L2TP header on, mostly to this call; any flags. */
size_t l2tp_packet(struct input *in, const struct m_call *c, uint8_t *p, size_t most);
size_t udp_packet(struct input *in, const struct m_call *c, uint8_t *p, size_t most);

#endif
