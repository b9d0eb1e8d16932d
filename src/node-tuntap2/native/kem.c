/*
 * ML-KEM (FIPS 203) by libcrypto, where it has it: OpenSSL 3.5. Keys travel as their encodings, so that nothing is kept
 * here between two calls.
 */
#include "kem.h"
#include "ossl.h"

const struct kem kems[] = {
	{ "mlkem512", "ML-KEM-512", 1632, 800, 768 },
	{ "mlkem768", "ML-KEM-768", 2400, 1184, 1088 },
	{ "mlkem1024", "ML-KEM-1024", 3168, 1568, 1568 },
	{ NULL, NULL, 0, 0, 0 },
};

static struct {
	void *(*generate)(void *, const char *, const char *, ...);
	int (*get_private)(const void *, unsigned char *, size_t *);
	void *(*new_private)(void *, const char *, const char *, const unsigned char *, size_t);
	void *(*new_public)(void *, const char *, const char *, const unsigned char *, size_t);
	int (*seal_init)(void *, const void *);
	int (*seal)(void *, unsigned char *, size_t *, unsigned char *, size_t *);
	int (*open_init)(void *, const void *);
	int (*open)(void *, unsigned char *, size_t *, const unsigned char *, size_t);
} lib;

static const struct ossl *more(void)
{
	static const char *const names[] = {
		"EVP_PKEY_Q_keygen",
		"EVP_PKEY_get_raw_private_key",
		"EVP_PKEY_new_raw_private_key_ex",
		"EVP_PKEY_new_raw_public_key_ex",
		"EVP_PKEY_encapsulate_init",
		"EVP_PKEY_encapsulate",
		"EVP_PKEY_decapsulate_init",
		"EVP_PKEY_decapsulate",
	};
	static int found = -1;

	_Static_assert(sizeof names / sizeof *names == sizeof lib / sizeof(void *), "a name for every function");
	if (found < 0)
		found = ossl() && ossl_more(names, sizeof names / sizeof *names, &lib);
	return found ? ossl() : NULL;
}

bool kem_new(const struct kem *k, uint8_t *secret, uint8_t *public)
{
	const struct ossl *o = more();
	void *key = o ? lib.generate(NULL, NULL, k->ossl) : NULL;
	size_t len = k->secret, plen = k->public;
	bool ok = key && lib.get_private(key, secret, &len) == 1 && len == k->secret &&
		  o->pkey_get_public(key, public, &plen) == 1 && plen == k->public;

	if (key)
		o->pkey_free(key);
	return ok;
}

bool kem_seal(const struct kem *k, const uint8_t *public, uint8_t *sealed, uint8_t *into)
{
	const struct ossl *o = more();
	void *key = o ? lib.new_public(NULL, k->ossl, NULL, public, k->public) : NULL; /* looks at its coefficients */
	void *ctx = key ? o->pkey_ctx_new(key, NULL) : NULL;
	size_t len = k->sealed, n = KEM_SHARED;
	bool ok = ctx && lib.seal_init(ctx, NULL) == 1 && lib.seal(ctx, sealed, &len, into, &n) == 1 &&
		  len == k->sealed && n == KEM_SHARED;

	if (o) {
		o->pkey_ctx_free(ctx);
		o->pkey_free(key);
	}
	return ok;
}

bool kem_open(const struct kem *k, const uint8_t *secret, const uint8_t *sealed, uint8_t *into)
{
	const struct ossl *o = more();
	void *key = o ? lib.new_private(NULL, k->ossl, NULL, secret, k->secret) : NULL;
	void *ctx = key ? o->pkey_ctx_new(key, NULL) : NULL;
	size_t n = KEM_SHARED;
	bool ok = ctx && lib.open_init(ctx, NULL) == 1 && lib.open(ctx, into, &n, sealed, k->sealed) == 1 &&
		  n == KEM_SHARED;

	if (o) {
		o->pkey_ctx_free(ctx);
		o->pkey_free(key);
	}
	return ok;
}
