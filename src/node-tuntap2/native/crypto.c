#include "crypto.h"
#include "ossl.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EXPONENT 64 /* bytes: twice the strength of the largest group (RFC 3526 section 8) and more */
#define NID_X25519 1034
#define NID_X448 1035
#define RFC5114 SIZE_MAX /* in place of a function of struct ossl: a prime with a generator of its own */

const struct crypto_hash crypto_hashes[] = {
	{ "md5", 16 }, { "sha1", 20 }, { "sha256", 32 }, { "sha384", 48 }, { "sha512", 64 }, { NULL, 0 },
};

const struct crypto_cipher crypto_ciphers[] = {
	{ "aes-128-cbc", 16, 16, 16 },	    { "aes-192-cbc", 24, 16, 16 },	{ "aes-256-cbc", 32, 16, 16 },
	{ "camellia-128-cbc", 16, 16, 16 }, { "camellia-192-cbc", 24, 16, 16 }, { "camellia-256-cbc", 32, 16, 16 },
	{ "des-ede3-cbc", 24, 8, 8 },	    { "aes-128-gcm", 16, 12, 0 },	{ "aes-192-gcm", 24, 12, 0 },
	{ "aes-256-gcm", 32, 12, 0 },	    { "chacha20-poly1305", 32, 12, 0 }, { NULL, 0, 0, 0 },
};

#define MODP(bits)                                                                                \
	{                                                                                         \
		"modp" #bits, EXPONENT, bits / 8, bits / 8, offsetof(struct ossl, prime##bits), 0 \
	}
const struct crypto_group crypto_groups[] = {
	MODP(1024),
	MODP(1536),
	MODP(2048),
	MODP(3072),
	MODP(4096),
	MODP(6144),
	MODP(8192),
	{ "ecp256", 32, 64, 32, 0, 415 },
	{ "ecp384", 48, 96, 48, 0, 715 },
	{ "ecp521", 66, 132, 66, 0, 716 },
	{ "modp2048s256", EXPONENT, 256, 256, RFC5114, 0 },
	{ "x25519", 32, 32, 32, 0, NID_X25519 },
	{ "x448", 56, 56, 56, 0, NID_X448 },
	{ NULL, 0, 0, 0, 0, 0 },
};

bool crypto_have(void)
{
	return ossl() != NULL;
}

int crypto_random(uint8_t *into, size_t len)
{
	return ossl()->random(into, (int)len) == 1 ? 0 : EIO;
}

int crypto_digest(const struct crypto_hash *h, const uint8_t *key, size_t key_len, const uint8_t *data, size_t len,
		  uint8_t *into)
{
	const struct ossl *o = ossl();
	const void *md = o->digest_by_name(h->name);
	unsigned n = 0;
	bool ok;

	if (!md)
		return ENOSYS;
	if (key)
		ok = o->hmac(md, key, (int)key_len, data, len, into, &n) != NULL;
	else
		ok = o->digest(data, len, into, &n, md, NULL) == 1;
	return ok && n == h->size ? 0 : EIO;
}

int crypto_cbc(const struct crypto_cipher *c, bool encrypt, const uint8_t *key, const uint8_t *iv, const uint8_t *data,
	       size_t len, uint8_t *into)
{
	const struct ossl *o = ossl();
	const void *evp = o->cipher_by_name(c->name);
	int n = 0, rest = 0;
	void *ctx;
	bool ok;

	if (!evp)
		return ENOSYS;
	ctx = o->cipher_new();
	if (!ctx)
		return ENOMEM;
	ok = o->cipher_init(ctx, evp, NULL, key, iv, encrypt) == 1 && o->cipher_padding(ctx, 0) == 1 &&
	     o->cipher_update(ctx, into, &n, data, (int)len) == 1 && o->cipher_final(ctx, into + n, &rest) == 1;
	o->cipher_free(ctx); /* wipes the key */
	return ok ? 0 : EIO;
}

/* Everything but the end, at which a tag is checked or made. */
static bool aead_body(const struct ossl *o, void *ctx, const struct crypto_message *m, size_t body, uint8_t *into,
		      int *n)
{
	if (m->aad_len && o->cipher_update(ctx, NULL, n, m->aad, (int)m->aad_len) != 1)
		return false;
	*n = 0;
	return !body || o->cipher_update(ctx, into, n, m->data, (int)body) == 1;
}

int crypto_aead(const struct crypto_cipher *c, bool seal, const uint8_t *key, const uint8_t *nonce,
		const struct crypto_message *m, uint8_t *into)
{
	const struct ossl *o = ossl();
	const void *evp = o->cipher_by_name(c->name);
	size_t body = seal ? m->len : m->len - CRYPTO_TAG;
	uint8_t tag[CRYPTO_TAG];
	int n = 0, rest = 0;
	void *ctx;
	bool ok;

	if (!evp)
		return ENOSYS;
	ctx = o->cipher_new();
	if (!ctx)
		return ENOMEM;
	ok = o->cipher_init(ctx, evp, NULL, key, nonce, seal) == 1;
	if (ok && !seal) {
		memcpy(tag, m->data + body, sizeof tag);
		ok = o->cipher_ctrl(ctx, OSSL_SET_TAG, sizeof tag, tag) == 1;
	}
	if (!ok || !aead_body(o, ctx, m, body, into, &n)) {
		o->cipher_free(ctx);
		return EIO;
	}
	ok = o->cipher_final(ctx, into + n, &rest) == 1;
	if (ok && seal) {
		ok = o->cipher_ctrl(ctx, OSSL_GET_TAG, sizeof tag, tag) == 1;
		if (ok)
			memcpy(into + body, tag, sizeof tag);
	}
	o->cipher_free(ctx);
	if (ok)
		return 0;
	o->cleanse(into, seal ? m->len + CRYPTO_TAG : body); /* never release unauthenticated plaintext */
	return EBADMSG;
}

/* ---- key exchange ---- */

/* RFC 5114 section 2.3, of those libcryptos that have it. */
static void *rfc5114(const struct ossl *o, void *generator)
{
	static const char *const names[] = { "DH_get_2048_256", "DH_get0_pqg", "DH_free" };
	struct {
		void *(*get)(void);
		void (*pqg)(const void *, const void **, const void **, const void **);
		void (*free)(void *);
	} lib;
	const void *p = NULL, *g = NULL;
	void *dh = ossl_more(names, 3, &lib) ? lib.get() : NULL, *out = NULL;

	if (!dh)
		return NULL;
	lib.pqg(dh, &p, NULL, &g);
	if (o->bn_copy(generator, g) && (out = o->bn_new()) && !o->bn_copy(out, p)) {
		o->bn_free(out);
		out = NULL;
	}
	lib.free(dh);
	return out;
}

static void *prime_of(const struct ossl *o, const struct crypto_group *g, void *generator)
{
	void *(*get)(void *);

	if (g->prime == RFC5114)
		return rfc5114(o, generator);
	memcpy(&get, (const char *)o + g->prime, sizeof get);
	return o->bn_set_word(generator, 2) == 1 ? get(NULL) : NULL;
}

/*
 * into = base^secret mod p. False when the base is none that a peer may send: 0, 1, p-1 or more (RFC 2631 section
 * 2.1.5).
 */
static bool modp(const struct ossl *o, const struct crypto_group *g, const uint8_t *base, const uint8_t *secret,
		 uint8_t *into)
{
	void *ctx = o->bn_ctx_new(), *y = o->bn_new(), *p = y ? prime_of(o, g, y) : NULL, *r = o->bn_new(),
	     *x = o->bn_bin2bn(secret, EXPONENT, NULL);
	void *top = o->bn_new();
	bool ok = ctx && p && r && y && x && top;

	if (ok && base)
		ok = o->bn_bin2bn(base, (int)g->public, y) != NULL;
	ok = ok && o->bn_copy(top, p) && o->bn_sub_word(top, 1) == 1 && o->bn_cmp(y, top) < 0 && o->bn_num_bits(y) > 1;
	ok = ok && o->bn_exp(r, y, x, p, ctx, NULL) == 1 && o->bn_bn2binpad(r, into, (int)g->public) == (int)g->public;
	o->bn_clear_free(x);
	o->bn_clear_free(r);
	o->bn_free(top);
	o->bn_free(y);
	o->bn_free(p);
	o->bn_ctx_free(ctx);
	return ok;
}

/* into = secret * peer (x|y), or times the generator. False for a point that is not on the curve, or at infinity. */
static bool ecp(const struct ossl *o, const struct crypto_group *g, const uint8_t *peer, const uint8_t *secret,
		uint8_t *into)
{
	void *ctx = o->bn_ctx_new(), *curve = o->ec_group(g->curve), *x = o->bn_bin2bn(secret, (int)g->secret, NULL);
	void *q = curve ? o->ec_point_new(curve) : NULL, *r = curve ? o->ec_point_new(curve) : NULL;
	uint8_t wire[133] = { 4 }; /* uncompressed (SEC 1 section 2.3.3) */
	bool ok = ctx && x && q && r;

	if (ok && peer) {
		memcpy(wire + 1, peer, g->public);
		ok = o->ec_oct2point(curve, q, wire, g->public + 1, ctx) == 1; /* looks whether it is on the curve */
	}
	ok = ok && (peer ? o->ec_mul(curve, r, NULL, q, x, ctx) : o->ec_mul(curve, r, x, NULL, NULL, ctx)) == 1;
	ok = ok && o->ec_point2oct(curve, r, 4, wire, g->public + 1, ctx) == g->public + 1;
	if (ok)
		/* the secret is x alone (RFC 5903 section 7) */
		memcpy(into, wire + 1, peer ? g->public / 2 : g->public);
	o->cleanse(wire, sizeof wire);
	o->bn_clear_free(x);
	if (q)
		o->ec_point_clear_free(q);
	if (r)
		o->ec_point_clear_free(r);
	if (curve)
		o->ec_group_free(curve);
	o->bn_ctx_free(ctx);
	return ok;
}

/* X25519 and X448. */
static bool rfc7748(const struct ossl *o, const struct crypto_group *g, const uint8_t *peer, const uint8_t *secret,
		    uint8_t *into)
{
	void *mine = o->pkey_private(g->curve, NULL, secret, g->secret), *theirs = NULL, *ctx = NULL;
	size_t len = g->public;
	uint8_t any = 0;
	bool ok = mine != NULL;

	if (ok && !peer) {
		ok = o->pkey_get_public(mine, into, &len) == 1;
	} else if (ok) {
		theirs = o->pkey_public(g->curve, NULL, peer, g->public);
		ctx = o->pkey_ctx_new(mine, NULL);
		ok = theirs && ctx && o->derive_init(ctx) == 1 && o->derive_peer(ctx, theirs) == 1 &&
		     o->derive(ctx, into, &len) == 1;
		for (size_t i = 0; ok && i < len; i++)
			any |= into[i];
		ok = ok && any != 0; /* RFC 7748 section 6 */
	}
	o->pkey_ctx_free(ctx);
	o->pkey_free(theirs);
	o->pkey_free(mine);
	return ok && len == g->public;
}

static bool power(const struct ossl *o, const struct crypto_group *g, const uint8_t *peer, const uint8_t *secret,
		  uint8_t *into)
{
	if (g->prime)
		return modp(o, g, peer, secret, into);
	if (g->curve == NID_X25519 || g->curve == NID_X448)
		return rfc7748(o, g, peer, secret, into);
	return ecp(o, g, peer, secret, into);
}

int crypto_dh_new(const struct crypto_group *g, uint8_t *secret, uint8_t *public)
{
	const struct ossl *o = ossl();

	/* An ECP secret may be 0 modulo the order: never seen, and then the point is at infinity. */
	for (int tries = 0; tries < 8; tries++)
		if (o->random(secret, (int)g->secret) == 1 && power(o, g, NULL, secret, public))
			return 0;
	return EIO;
}

bool crypto_dh_shared(const struct crypto_group *g, const uint8_t *secret, const uint8_t *peer, uint8_t *into)
{
	return power(ossl(), g, peer, secret, into);
}
