/* Primitives of libcrypto, for an engine that has none of its own. Private values are the caller's bytes. */
#ifndef TT_CRYPTO_H
#define TT_CRYPTO_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crypto_hash {
	const char *name;
	size_t size; /* bytes */
};
struct crypto_cipher {
	const char *name;
	size_t key, iv; /* bytes */
	size_t block;	/* 0: AEAD, with a tag of CRYPTO_TAG bytes behind the ciphertext */
};
struct crypto_group {
	const char *name;
	size_t secret, public, shared; /* bytes */
	size_t prime;		       /* where its function is in struct ossl, or RFC 5114's; 0: none */
	int curve;		       /* NID; 0: none */
};
#define CRYPTO_TAG 16

/* Each ends with a NULL name. */
extern const struct crypto_hash crypto_hashes[];
extern const struct crypto_cipher crypto_ciphers[];
extern const struct crypto_group crypto_groups[];

/* Whether this process has libcrypto; nothing below may be called without. */
bool crypto_have(void);

/* 0, or an errno: ENOSYS for what this libcrypto lacks. Lengths are below 2^31. */
int crypto_random(uint8_t *into, size_t len);
/* `key` NULL: a hash; otherwise HMAC. */
int crypto_digest(const struct crypto_hash *h, const uint8_t *key, size_t key_len, const uint8_t *data, size_t len,
		  uint8_t *into);
/* Whole blocks, without padding. */
int crypto_cbc(const struct crypto_cipher *c, bool encrypt, const uint8_t *key, const uint8_t *iv, const uint8_t *data,
	       size_t len, uint8_t *into);
struct crypto_message {
	const uint8_t *aad, *data;
	size_t aad_len, len;
};
/*
 * `into`: CRYPTO_TAG bytes more than the data to seal, less to open. EBADMSG: not authentic, and `into` holds nothing.
 */
int crypto_aead(const struct crypto_cipher *c, bool seal, const uint8_t *key, const uint8_t *nonce,
		const struct crypto_message *m, uint8_t *into);
/* A private value, and what the peer gets. */
int crypto_dh_new(const struct crypto_group *g, uint8_t *secret, uint8_t *public);
/* False: the peer's value is not acceptable. */
bool crypto_dh_shared(const struct crypto_group *g, const uint8_t *secret, const uint8_t *peer, uint8_t *into);

#endif
