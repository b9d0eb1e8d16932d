/* ESP transforms on one packet in place (RFC 4303), and the anti-replay window (RFC 6479). */
#ifndef TT_ESP_H
#define TT_ESP_H
#include "ossl.h"
#include "tt.h"

#define ESP_ICV_MAX 32

/*
 * HMAC with both key blocks hashed beforehand (RFC 2104 4): a packet copies the states. Costs 0.07 us more than the
 * deprecated SHA1_Update and its like, which not every libcrypto still has.
 */
struct esp_mac {
	void *inner, *outer, *work; /* EVP_MD_CTX */
	uint8_t size;
};

struct esp {
	const struct ossl *o;
	void *cipher; /* EVP_CIPHER_CTX with the key in it; NULL for the null cipher */
	bool aead;
	uint8_t iv, align; /* bytes of IV on the wire; what plaintext with its trailer is padded to */
	uint8_t icv;
	uint8_t salt[4];
	struct esp_mac mac;
};

/* NULL on success, otherwise names the wrong argument; nothing to free then. */
const char *esp_init(struct esp *e, bool seal, const char *cipher, const char *integ, const uint8_t *key,
		     size_t key_len, const uint8_t *mac_key, size_t mac_key_len);
/* Wipes the keys. */
void esp_clear(struct esp *e);

/*
 * Wraps the `*len` bytes at p, which have `head` free bytes in front and `tail` behind. Moves nothing: the packet then
 * begins at the returned pointer and is `*len` long. NULL, and the packet spoilt, when there is no room or OpenSSL
 * fails.
 */
uint8_t *esp_seal(struct esp *e, uint32_t spi, uint32_t seq, uint8_t next, uint8_t *p, size_t *len, size_t head,
		  size_t tail);

enum esp_result { ESP_OK, ESP_SHORT, ESP_AUTH, ESP_PADDING };
/*
 * Authenticates and decrypts the `len` bytes at p, from the SPI on. ESP_PADDING is only said of a packet that is
 * authentic. After ESP_OK the payload is `*out_len` bytes at `*out`.
 */
enum esp_result esp_open(struct esp *e, uint8_t *p, size_t len, uint8_t **out, size_t *out_len, uint8_t *next);

struct replay {
	uint32_t top;  /* highest sequence number accepted, 0: none */
	uint32_t size; /* of the window, in packets */
	uint32_t mask; /* number of words - 1, a power of two: one word more than the window needs (RFC 6479 2) */
	uint32_t *bits;
};
bool replay_init(struct replay *r, uint32_t size);
void replay_clear(struct replay *r);
bool replay_ok(const struct replay *r, uint32_t seq);
void replay_mark(struct replay *r, uint32_t seq); /* after authentication, and replay_ok */
#endif
