/* The flat functions: primitives of libcrypto, for an engine that has none of its own. Private values are the caller's bytes. */
#include "bind.h"
#include "functions.h"
#include "ossl.h"
#include <errno.h>
#include <stdlib.h>

#define LONGEST (1u << 20) /* of one input, bytes: all we hash or encrypt are messages */
#define EXPONENT 64 /* bytes: twice the strength of the largest group (RFC 3526 section 8) and more */
#define NID_X25519 1034

static const struct digest {
	const char *name;
	size_t size;
} digests[] = { { "md5", 16 }, { "sha1", 20 }, { "sha256", 32 }, { "sha384", 48 }, { "sha512", 64 } };

static const struct cipher {
	const char *name;
	size_t key, iv, block;
} ciphers[] = {
	{ "aes-128-cbc", 16, 16, 16 }, { "aes-192-cbc", 24, 16, 16 }, { "aes-256-cbc", 32, 16, 16 }, { "des-ede3-cbc", 24, 8, 8 },
	{ "aes-128-gcm", 16, 12, 0 }, { "aes-192-gcm", 24, 12, 0 }, { "aes-256-gcm", 32, 12, 0 }, { "chacha20-poly1305", 32, 12, 0 },
};

static const struct group {
	const char *name;
	size_t secret, public; /* bytes */
	size_t slot; /* of the prime's function in struct ossl; 0: none */
	int curve; /* NID */
} groups[] = {
#define MODP(bits, f) { "modp" #bits, EXPONENT, bits / 8, offsetof(struct ossl, f), 0 }
	MODP(1024, prime1024), MODP(1536, prime1536), MODP(2048, prime2048), MODP(3072, prime3072), MODP(4096, prime4096),
	{ "ecp256", 32, 64, 0, 415 }, { "ecp384", 48, 96, 0, 715 }, { "x25519", 32, 32, 0, NID_X25519 },
};

/* The row whose first member is the name at argument i. */
static const void *row(struct tt_args *a, int i, const void *table, size_t count, size_t size, const char *why)
{
	char name[32];

	string(a, i, name, sizeof name, why);
	for (size_t k = 0; !a->bad && k < count; k++) {
		const char *const *one = (const char *const *)((const char *)table + k * size);

		if (strcmp(*one, name) == 0)
			return one;
	}
	fail_range(a, why);
	return NULL;
}
#define ROW(a, i, table, why) row(a, i, table, sizeof table / sizeof *table, sizeof *table, why)

static const struct ossl *lib(struct tt_args *a)
{
	const struct ossl *o = ossl();

	if (!o)
		fail_range(a, "crypto: this process has no libcrypto");
	return o;
}

static uint8_t *message(struct tt_args *a, int i, size_t *len, const char *why)
{
	uint8_t *p = bytes(a, i, len, why);

	if (*len > LONGEST)
		fail_range(a, "crypto: more than 1 MiB at once");
	return p;
}

FN(CryptoRandom)
	size_t len;
	uint8_t *into = message(a, 0, &len, "into: not a Uint8Array");
	const struct ossl *o = lib(a);

	GOOD;
	return o->random(into, (int)len) == 1 ? NOTHING : fail_system(a, EIO, "RAND_bytes");
END

/* keyed: HMAC; otherwise `key` is not looked at. */
FN(CryptoHash)
	const struct digest *d = ROW(a, 0, digests, "hash: not known");
	bool keyed = number(a, 1, 0, 1, "keyed: 0 or 1");
	size_t key_len, len, room;
	uint8_t *key = message(a, 2, &key_len, "key: not a Uint8Array"), *p = message(a, 3, &len, "data: not a Uint8Array");
	uint8_t *into = bytes(a, 4, &room, "into: not a Uint8Array");
	const struct ossl *o = lib(a);
	const void *md = a->bad ? NULL : o->digest_by_name(d->name);
	unsigned n = 0;
	bool ok;

	if (d && room != d->size)
		fail_range(a, "into: must be as long as the hash");
	GOOD;
	if (!md)
		return fail_system(a, ENOSYS, d->name);
	ok = keyed ? o->hmac(md, key, (int)key_len, p, len, into, &n) != NULL : o->digest(p, len, into, &n, md, NULL) == 1;
	return ok && n == room ? NOTHING : fail_system(a, EIO, d->name);
END

/* Without padding, whole blocks. */
FN(CryptoCbc)
	bool encrypt = number(a, 0, 0, 1, "encrypt: 0 or 1");
	const struct cipher *c = ROW(a, 1, ciphers, "cipher: not known");
	size_t len, room;
	uint8_t *key = bytes_of(a, 2, c ? c->key : 0, "key: wrong length"), *iv = bytes_of(a, 3, c ? c->iv : 0, "iv: wrong length");
	uint8_t *p = message(a, 4, &len, "data: not a Uint8Array"), *into = bytes(a, 5, &room, "into: not a Uint8Array");
	const struct ossl *o = lib(a);
	const void *evp = a->bad ? NULL : o->cipher_by_name(c->name);
	int n = 0, rest = 0;
	void *ctx;
	bool ok;

	if (c && (!c->block || len % c->block || room != len))
		fail_range(a, "data: not whole blocks, or `into` differs in length");
	GOOD;
	ctx = evp ? o->cipher_new() : NULL;
	if (!ctx)
		return fail_system(a, evp ? ENOMEM : ENOSYS, c->name);
	ok = o->cipher_init(ctx, evp, NULL, key, iv, encrypt) == 1 && o->cipher_padding(ctx, 0) == 1 &&
	     o->cipher_update(ctx, into, &n, p, (int)len) == 1 && o->cipher_final(ctx, into + n, &rest) == 1;
	o->cipher_free(ctx); /* wipes the key */
	return ok ? NOTHING : fail_system(a, EIO, c->name);
END

/* Tag of 16 bytes behind the ciphertext. 0 when it does not fit; then `into` holds nothing. */
FN(CryptoAead)
	bool seal = number(a, 0, 0, 1, "seal: 0 or 1");
	const struct cipher *c = ROW(a, 1, ciphers, "cipher: not known");
	size_t aad_len, len, room, body;
	uint8_t *key = bytes_of(a, 2, c ? c->key : 0, "key: wrong length"), *iv = bytes_of(a, 3, c ? c->iv : 0, "nonce: wrong length");
	uint8_t *aad = message(a, 4, &aad_len, "aad: not a Uint8Array"), *p = message(a, 5, &len, "data: not a Uint8Array");
	uint8_t *into = bytes(a, 6, &room, "into: not a Uint8Array");
	const struct ossl *o = lib(a);
	const void *evp = a->bad ? NULL : o->cipher_by_name(c->name);
	uint8_t tag[16];
	int n = 0, rest = 0;
	void *ctx;
	bool ok;

	if (c && (c->block || (seal ? room != len + 16 : len < 16 || room != len - 16)))
		fail_range(a, "into: must be 16 bytes longer to seal, 16 shorter to open");
	GOOD;
	body = seal ? len : len - 16;
	ctx = evp ? o->cipher_new() : NULL;
	if (!ctx)
		return fail_system(a, evp ? ENOMEM : ENOSYS, c->name);
	ok = o->cipher_init(ctx, evp, NULL, key, iv, seal) == 1;
	if (ok && !seal) {
		memcpy(tag, p + body, 16);
		ok = o->cipher_ctrl(ctx, OSSL_SET_TAG, 16, tag) == 1;
	}
	ok = ok && (aad_len == 0 || o->cipher_update(ctx, NULL, &n, aad, (int)aad_len) == 1);
	n = 0;
	ok = ok && (body == 0 || o->cipher_update(ctx, into, &n, p, (int)body) == 1);
	if (!ok) {
		o->cipher_free(ctx);
		return fail_system(a, EIO, c->name);
	}
	ok = o->cipher_final(ctx, into + n, &rest) == 1;
	if (seal && ok && (ok = o->cipher_ctrl(ctx, OSSL_GET_TAG, 16, tag) == 1))
		memcpy(into + body, tag, 16);
	o->cipher_free(ctx);
	if (!ok && room)
		o->cleanse(into, room); /* what was not authentic is nobody's */
	return ok;
END

/* ---- key exchange ---- */

static void *prime_of(const struct ossl *o, const struct group *g)
{
	void *(*get)(void *);

	memcpy(&get, (const char *)o + g->slot, sizeof get);
	return get(NULL);
}

/* into = base^secret mod p. False when the base is none that a peer may send: 0, 1, p-1 or more (RFC 2631 section 2.1.5). */
static bool modp(const struct ossl *o, const struct group *g, const uint8_t *base, const uint8_t *secret, uint8_t *into)
{
	void *ctx = o->bn_ctx_new(), *p = prime_of(o, g), *r = o->bn_new(), *y = o->bn_new(), *x = o->bn_bin2bn(secret, EXPONENT, NULL);
	void *top = o->bn_new();
	bool ok = ctx && p && r && y && x && top;

	if (ok && base)
		ok = o->bn_bin2bn(base, (int)g->public, y) != NULL;
	else if (ok)
		ok = o->bn_set_word(y, 2) == 1;
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
static bool ecp(const struct ossl *o, const struct group *g, const uint8_t *peer, const uint8_t *secret, uint8_t *into)
{
	void *ctx = o->bn_ctx_new(), *curve = o->ec_group(g->curve), *x = o->bn_bin2bn(secret, (int)g->secret, NULL);
	void *q = curve ? o->ec_point_new(curve) : NULL, *r = curve ? o->ec_point_new(curve) : NULL;
	uint8_t wire[97] = { 4 }; /* uncompressed (SEC 1 section 2.3.3) */
	bool ok = ctx && x && q && r;

	if (ok && peer) {
		memcpy(wire + 1, peer, g->public);
		ok = o->ec_oct2point(curve, q, wire, g->public + 1, ctx) == 1; /* looks whether it is on the curve */
	}
	ok = ok && (peer ? o->ec_mul(curve, r, NULL, q, x, ctx) : o->ec_mul(curve, r, x, NULL, NULL, ctx)) == 1;
	ok = ok && o->ec_point2oct(curve, r, 4, wire, g->public + 1, ctx) == g->public + 1;
	if (ok)
		memcpy(into, wire + 1, peer ? g->public / 2 : g->public); /* the secret is x alone (RFC 5903 section 7) */
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

static bool x25519(const struct ossl *o, const uint8_t *peer, const uint8_t *secret, uint8_t *into)
{
	void *mine = o->pkey_private(NID_X25519, NULL, secret, 32), *theirs = NULL, *ctx = NULL;
	size_t len = 32;
	uint8_t any = 0;
	bool ok = mine != NULL;

	if (ok && !peer) {
		ok = o->pkey_get_public(mine, into, &len) == 1;
	} else if (ok) {
		theirs = o->pkey_public(NID_X25519, NULL, peer, 32);
		ctx = o->pkey_ctx_new(mine, NULL);
		ok = theirs && ctx && o->derive_init(ctx) == 1 && o->derive_peer(ctx, theirs) == 1 && o->derive(ctx, into, &len) == 1;
		for (size_t i = 0; ok && i < 32; i++)
			any |= into[i];
		ok = ok && any != 0; /* RFC 7748 section 6.1 */
	}
	o->pkey_ctx_free(ctx);
	o->pkey_free(theirs);
	o->pkey_free(mine);
	return ok && len == 32;
}

static bool power(const struct ossl *o, const struct group *g, const uint8_t *peer, const uint8_t *secret, uint8_t *into)
{
	return g->slot ? modp(o, g, peer, secret, into) : g->curve == NID_X25519 ? x25519(o, peer, secret, into) : ecp(o, g, peer, secret, into);
}

/* A private value into `secret`, and what the peer gets into `public`. */
FN(CryptoDhNew)
	const struct group *g = ROW(a, 0, groups, "group: not known");
	uint8_t *secret = bytes_of(a, 1, g ? g->secret : 0, "secret: wrong length"), *public = bytes_of(a, 2, g ? g->public : 0, "public: wrong length");
	const struct ossl *o = lib(a);

	GOOD;
	for (int tries = 0; tries < 8; tries++) /* an ECP secret may be 0 modulo the order: never seen, and then the point is at infinity */
		if (o->random(secret, (int)g->secret) == 1 && power(o, g, NULL, secret, public))
			return NOTHING;
	return fail_system(a, EIO, g->name);
END

/* 0 when the peer's value is not acceptable. */
FN(CryptoDhShared)
	const struct group *g = ROW(a, 0, groups, "group: not known");
	uint8_t *secret = bytes_of(a, 1, g ? g->secret : 0, "secret: wrong length"), *peer = bytes_of(a, 2, g ? g->public : 0, "peer: wrong length");
	uint8_t *into = bytes_of(a, 3, !g ? 0 : g->slot || g->curve == NID_X25519 ? g->public : g->public / 2, "into: wrong length");
	const struct ossl *o = lib(a);

	GOOD;
	return power(o, g, peer, secret, into);
END
