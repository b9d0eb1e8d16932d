/* The flat functions of crypto.c. */
#include "bind.h"
#include "crypto.h"
#include "kem.h"
#include <errno.h>

#define LONGEST (1u << 20) /* of one input, bytes: all we hash or encrypt are messages */
#define LONGEST_NAME 32

static void need_crypto(struct tt_args *a)
{
	if (!crypto_have())
		throw_range(a, "crypto: this process has no libcrypto");
}

static const struct crypto_hash *arg_hash(struct tt_args *a, int i)
{
	const struct crypto_hash *h = crypto_hashes;
	char name[LONGEST_NAME];

	arg_text(a, i, name, sizeof name, "hash: not known");
	while (h->name && strcmp(h->name, name) != 0)
		h++;
	if (!h->name)
		throw_range(a, "hash: not known");
	return h;
}

/* With blocks, or an AEAD. */
static const struct crypto_cipher *arg_cipher(struct tt_args *a, int i, bool blocks)
{
	const struct crypto_cipher *c = crypto_ciphers;
	char name[LONGEST_NAME];

	arg_text(a, i, name, sizeof name, "cipher: not known");
	while (c->name && (strcmp(c->name, name) != 0 || (c->block != 0) != blocks))
		c++;
	if (!c->name)
		throw_range(a, "cipher: not known");
	return c;
}

static const struct crypto_group *arg_group(struct tt_args *a, int i)
{
	const struct crypto_group *g = crypto_groups;
	char name[LONGEST_NAME];

	arg_text(a, i, name, sizeof name, "group: not known");
	while (g->name && strcmp(g->name, name) != 0)
		g++;
	if (!g->name)
		throw_range(a, "group: not known");
	return g;
}

static uint8_t *arg_message(struct tt_args *a, int i, size_t *len, const char *why)
{
	uint8_t *p = arg_bytes(a, i, len, why);

	if (*len > LONGEST)
		throw_range(a, "crypto: more than 1 MiB at once");
	return p;
}

static double bind_crypto_random(struct tt_args *a)
{
	size_t len;
	uint8_t *into = arg_message(a, 0, &len, "into: not a Uint8Array");
	int no;

	need_crypto(a);
	if (a->bad)
		return NOTHING;
	no = crypto_random(into, len);
	return no ? throw_system(a, no, "RAND_bytes") : NOTHING;
}

/* keyed: HMAC; otherwise `key` is not looked at. */
static double bind_crypto_hash(struct tt_args *a)
{
	const struct crypto_hash *h = arg_hash(a, 0);
	bool keyed = arg_bool(a, 1, "keyed: true or false");
	size_t key_len, len;
	uint8_t *key = arg_message(a, 2, &key_len, "key: not a Uint8Array");
	uint8_t *data = arg_message(a, 3, &len, "data: not a Uint8Array");
	uint8_t *into = arg_bytes_of(a, 4, h->size, "into: must be as long as the hash");
	int no;

	need_crypto(a);
	if (a->bad)
		return NOTHING;
	no = crypto_digest(h, keyed ? key : NULL, key_len, data, len, into);
	return no ? throw_system(a, no, h->name) : NOTHING;
}

static double bind_crypto_cbc(struct tt_args *a)
{
	bool encrypt = arg_bool(a, 0, "encrypt: true or false");
	const struct crypto_cipher *c = arg_cipher(a, 1, true);
	uint8_t *key = arg_bytes_of(a, 2, c->key, "key: wrong length"),
		*iv = arg_bytes_of(a, 3, c->iv, "iv: wrong length");
	size_t len, room;
	uint8_t *data = arg_message(a, 4, &len, "data: not a Uint8Array");
	uint8_t *into = arg_bytes(a, 5, &room, "into: not a Uint8Array");
	int no;

	need_crypto(a);
	if (c->block && (len % c->block || room != len))
		throw_range(a, "data: not whole blocks, or `into` differs in length");
	if (a->bad)
		return NOTHING;
	no = crypto_cbc(c, encrypt, key, iv, data, len, into);
	return no ? throw_system(a, no, c->name) : NOTHING;
}

/* 0 when the tag does not fit. */
static double bind_crypto_aead(struct tt_args *a)
{
	bool seal = arg_bool(a, 0, "seal: true or false");
	const struct crypto_cipher *c = arg_cipher(a, 1, false);
	uint8_t *key = arg_bytes_of(a, 2, c->key, "key: wrong length");
	uint8_t *nonce = arg_bytes_of(a, 3, c->iv, "nonce: wrong length");
	struct crypto_message m = { 0 };
	size_t room;
	uint8_t *into;
	int no;

	m.aad = arg_message(a, 4, &m.aad_len, "aad: not a Uint8Array");
	m.data = arg_message(a, 5, &m.len, "data: not a Uint8Array");
	into = arg_bytes(a, 6, &room, "into: not a Uint8Array");
	need_crypto(a);
	if (seal ? room != m.len + CRYPTO_TAG : m.len < CRYPTO_TAG || room != m.len - CRYPTO_TAG)
		throw_range(a, "into: must be 16 bytes longer to seal, 16 shorter to open");
	if (a->bad)
		return NOTHING;
	no = crypto_aead(c, seal, key, nonce, &m, into);
	return no && no != EBADMSG ? throw_system(a, no, c->name) : no == 0;
}

static double bind_crypto_dh_new(struct tt_args *a)
{
	const struct crypto_group *g = arg_group(a, 0);
	uint8_t *secret = arg_bytes_of(a, 1, g->secret, "secret: wrong length");
	uint8_t *public = arg_bytes_of(a, 2, g->public, "public: wrong length");
	int no;

	need_crypto(a);
	if (a->bad)
		return NOTHING;
	no = crypto_dh_new(g, secret, public);
	return no ? throw_system(a, no, g->name) : NOTHING;
}

/* 0 when the peer's value is not acceptable. */
static double bind_crypto_dh_shared(struct tt_args *a)
{
	const struct crypto_group *g = arg_group(a, 0);
	uint8_t *secret = arg_bytes_of(a, 1, g->secret, "secret: wrong length");
	uint8_t *peer = arg_bytes_of(a, 2, g->public, "peer: wrong length");
	uint8_t *into = arg_bytes_of(a, 3, g->shared, "into: wrong length");

	need_crypto(a);
	if (a->bad)
		return NOTHING;
	return crypto_dh_shared(g, secret, peer, into);
}

static const struct kem *arg_kem(struct tt_args *a, int i)
{
	const struct kem *k = kems;
	char name[LONGEST_NAME];

	arg_text(a, i, name, sizeof name, "kem: not known");
	while (k->name && strcmp(k->name, name) != 0)
		k++;
	if (!k->name)
		throw_range(a, "kem: not known");
	return k;
}

/* 0 when this libcrypto does not have it. */
static double bind_kem_new(struct tt_args *a)
{
	const struct kem *k = arg_kem(a, 0);
	uint8_t *secret = arg_bytes_of(a, 1, k->secret, "secret: wrong length");
	uint8_t *public = arg_bytes_of(a, 2, k->public, "public: wrong length");

	return a->bad ? NOTHING : kem_new(k, secret, public);
}

/* 0 when the peer's value is not acceptable. */
static double bind_kem_seal(struct tt_args *a)
{
	const struct kem *k = arg_kem(a, 0);
	uint8_t *public = arg_bytes_of(a, 1, k->public, "public: wrong length");
	uint8_t *sealed = arg_bytes_of(a, 2, k->sealed, "sealed: wrong length");
	uint8_t *into = arg_bytes_of(a, 3, KEM_SHARED, "into: wrong length");

	return a->bad ? NOTHING : kem_seal(k, public, sealed, into);
}

static double bind_kem_open(struct tt_args *a)
{
	const struct kem *k = arg_kem(a, 0);
	uint8_t *secret = arg_bytes_of(a, 1, k->secret, "secret: wrong length");
	uint8_t *sealed = arg_bytes_of(a, 2, k->sealed, "sealed: wrong length");
	uint8_t *into = arg_bytes_of(a, 3, KEM_SHARED, "into: wrong length");

	return a->bad ? NOTHING : kem_open(k, secret, sealed, into);
}

static const struct tt_function functions[] = {
	{ "cryptoRandom", bind_crypto_random, 1 },
	{ "cryptoHash", bind_crypto_hash, 5 },
	{ "cryptoCbc", bind_crypto_cbc, 6 },
	{ "cryptoAead", bind_crypto_aead, 7 },
	{ "cryptoDhNew", bind_crypto_dh_new, 3 },
	{ "cryptoDhShared", bind_crypto_dh_shared, 4 },
	{ "kemNew", bind_kem_new, 3 },
	{ "kemSeal", bind_kem_seal, 4 },
	{ "kemOpen", bind_kem_open, 4 },
	{ NULL, NULL, 0 },
};

const struct tt_binding bind_crypto = { functions, NULL, NULL };
