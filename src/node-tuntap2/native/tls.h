/* A TLS client (1.2 and 1.3) over memory, for EAP-TLS and RADIUS; libssl is looked up when first used. */
#ifndef TT_TLS_H
#define TT_TLS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TT_TLS_WORDS 200 /* of an error, with its zero */

enum tt_tls_state {
	TT_TLS_GOING = 0,
	TT_TLS_DONE = 1,      /* the handshake is complete; with 1.3 the server may still refuse us */
	TT_TLS_CONFIRMED = 2, /* and it sent the protected 0x00 of RFC 9190 section 2.5 */
	TT_TLS_DISTRUST = 3,  /* we do not accept its certificate */
	TT_TLS_ALERT = 4,     /* it does not accept us */
	TT_TLS_BROKEN = 5,
};

struct tt_tls;
bool tt_tls_have(void);
/*
 * PEM texts; `name`: what the server's certificate must be for, NULL: any name. `stream`: it carries data, and the
 * server's protected 0x00 means nothing. NULL with `why` filled.
 */
struct tt_tls *tt_tls_new(const uint8_t *ca, size_t ca_len, const uint8_t *cert, size_t cert_len, const uint8_t *key,
			  size_t key_len, const char *name, bool stream, char why[TT_TLS_WORDS]);
void tt_tls_free(struct tt_tls *t);
enum tt_tls_state tt_tls_step(struct tt_tls *t, const uint8_t *in, size_t n);
/* Of a stream that is done: bytes that came, 0: none now, below 0: it is over, and step() says why. */
int tt_tls_read(struct tt_tls *t, uint8_t *into, size_t room);
/* All of it, for the output; no bytes: the last word, close_notify. Below 0: as above. */
int tt_tls_write(struct tt_tls *t, const uint8_t *data, size_t n);
/* What is to be sent, as much as fits. */
size_t tt_tls_output(struct tt_tls *t, uint8_t *into, size_t room);
const char *tt_tls_why(const struct tt_tls *t);
/* 0x0303, 0x0304 */
int tt_tls_version(const struct tt_tls *t);
/* RFC 5705, 8446 section 7.5. `context` NULL: none. */
bool tt_tls_export(struct tt_tls *t, const char *label, const uint8_t *context, size_t context_len, uint8_t *into,
		   size_t n);
#endif
