#define _GNU_SOURCE
#include "pki.h"
#include "ossl.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of OpenSSL's headers, which are not needed to build: the same in 1.1.1 and 3. */
enum {
	V_UNSPECIFIED = 1,
	V_NO_CRL = 3,
	DEEPEST = 8,
	CA_BY_CONSTRAINTS = 1,
	CA_VERSION_1 = 3, /* self-signed, before there were constraints */
};
#define V_CRL_CHECK 0xcul /* every certificate of the chain */
#define V_PARTIAL_CHAIN 0x80000ul
#define V_NO_CHECK_TIME 0x200000ul

static struct {
	void *(*bio_of)(const void *data, int n);
	int (*bio_free)(void *);
	void *(*pem_key)(void *bio, void **, void *callback, void *);
	void *(*pem_crl)(void *bio, void **, void *callback, void *);
	void *(*cert_of)(void **, const uint8_t **at, long n);
	void (*cert_free)(void *);
	void *(*cert_key)(void *cert);
	int (*cert_has_key)(const void *cert, const void *key);
	int (*cert_is_ca)(void *cert);
	void (*crl_free)(void *);
	void *(*store_new)(void);
	void (*store_free)(void *);
	int (*store_add)(void *, void *cert);
	int (*store_add_crl)(void *, void *crl);
	void *(*ctx_new)(void);
	void (*ctx_free)(void *);
	int (*ctx_init)(void *, void *store, void *cert, void *others);
	void *(*ctx_param)(void *);
	void (*ctx_callback)(void *, int (*)(int ok, void *ctx));
	int (*ctx_error)(const void *);
	int (*ctx_depth)(const void *);
	void *(*ctx_chain)(const void *);
	int (*param_flags)(void *, unsigned long);
	void (*param_time)(void *, time_t);
	void (*param_depth)(void *, int);
	void (*param_level)(void *, int);
	int (*verify_cert)(void *ctx);
	void *(*stack_new)(void);
	int (*stack_push)(void *, const void *);
	int (*stack_count)(const void *);
	void *(*stack_at)(const void *, int);
	void (*stack_free)(void *, void (*each)(void *));
	int (*sign_init)(void *ctx);
	int (*sign)(void *ctx, uint8_t *into, size_t *room, const uint8_t *data, size_t n);
	int (*verify_init)(void *ctx);
	int (*verify)(void *ctx, const uint8_t *signature, size_t len, const uint8_t *data, size_t n);
	int (*ctx_set)(void *ctx, const char *name, const char *value);
	int (*whole_sign_init)(void *md, void **ctx, const void *hash, void *engine, void *key);
	int (*whole_sign)(void *md, uint8_t *into, size_t *room, const uint8_t *data, size_t n);
	int (*whole_verify_init)(void *md, void **ctx, const void *hash, void *engine, void *key);
	int (*whole_verify)(void *md, const uint8_t *signature, size_t len, const uint8_t *data, size_t n);
	unsigned long (*err_last)(void);
	void (*err_clear)(void);
} lib;
static const struct ossl *base;

bool pki_have(void)
{
	static const char *const names[] = {
		"BIO_new_mem_buf",
		"BIO_free",
		"PEM_read_bio_PrivateKey",
		"PEM_read_bio_X509_CRL",
		"d2i_X509",
		"X509_free",
		"X509_get_pubkey",
		"X509_check_private_key",
		"X509_check_ca",
		"X509_CRL_free",
		"X509_STORE_new",
		"X509_STORE_free",
		"X509_STORE_add_cert",
		"X509_STORE_add_crl",
		"X509_STORE_CTX_new",
		"X509_STORE_CTX_free",
		"X509_STORE_CTX_init",
		"X509_STORE_CTX_get0_param",
		"X509_STORE_CTX_set_verify_cb",
		"X509_STORE_CTX_get_error",
		"X509_STORE_CTX_get_error_depth",
		"X509_STORE_CTX_get0_chain",
		"X509_VERIFY_PARAM_set_flags",
		"X509_VERIFY_PARAM_set_time",
		"X509_VERIFY_PARAM_set_depth",
		"X509_VERIFY_PARAM_set_auth_level",
		"X509_verify_cert",
		"OPENSSL_sk_new_null",
		"OPENSSL_sk_push",
		"OPENSSL_sk_num",
		"OPENSSL_sk_value",
		"OPENSSL_sk_pop_free",
		"EVP_PKEY_sign_init",
		"EVP_PKEY_sign",
		"EVP_PKEY_verify_init",
		"EVP_PKEY_verify",
		"EVP_PKEY_CTX_ctrl_str",
		"EVP_DigestSignInit",
		"EVP_DigestSign",
		"EVP_DigestVerifyInit",
		"EVP_DigestVerify",
		"ERR_peek_last_error",
		"ERR_clear_error",
	};
	static int found = -1;

	_Static_assert(sizeof names / sizeof *names == sizeof lib / sizeof(void *), "a name for every function");
	if (found < 0) {
		base = ossl();
		found = base && ossl_more(names, sizeof names / sizeof *names, &lib);
	}
	return found;
}

/* A key with a passphrase is refused; the default would ask for it on the terminal. */
static int no_passphrase(char *into, int room, int writing, void *more)
{
	(void)into, (void)room, (void)writing, (void)more;
	return -1;
}

static void *cert_of(struct pki_bytes der)
{
	const uint8_t *at = der.at;
	void *cert = lib.cert_of(NULL, &at, (long)der.len);

	if (cert && at != der.at + der.len) {
		lib.cert_free(cert);
		return NULL;
	}
	return cert;
}

void *pki_key(struct pki_bytes pem, struct pki_bytes der, const char **why)
{
	void *bio = lib.bio_of(pem.at, (int)pem.len), *cert = der.len ? cert_of(der) : NULL;
	void *key = bio ? lib.pem_key(bio, NULL, no_passphrase, NULL) : NULL;

	*why = NULL;
	if (der.len && !cert)
		*why = "cert: libcrypto cannot read it";
	else if (!key)
		*why = "key: holds no private key in PEM without a passphrase";
	else if (cert && lib.cert_has_key(cert, key) != 1)
		*why = "key: is not that of the certificate";
	if (*why && key) {
		base->pkey_free(key);
		key = NULL;
	}
	if (cert)
		lib.cert_free(cert);
	if (bio)
		lib.bio_free(bio);
	lib.err_clear();
	return key;
}

void pki_key_free(void *key)
{
	base->pkey_free(key);
}

/* What libcrypto signs: the hash of the data, or the data. */
static bool digest(struct pki_scheme s, struct pki_bytes *data, uint8_t room[64])
{
	const void *hash;
	unsigned len = 0;

	if (!s.hash)
		return true;
	hash = base->digest_by_name(s.hash);
	if (!hash || base->digest(data->at, data->len, room, &len, hash, NULL) != 1)
		return false;
	*data = (struct pki_bytes){ room, len };
	return true;
}

static bool set_scheme(void *ctx, struct pki_scheme s)
{
	if (s.form == PKI_PKCS1 || s.form == PKI_PSS) {
		if (lib.ctx_set(ctx, "rsa_padding_mode", s.form == PKI_PSS ? "pss" : "pkcs1") != 1)
			return false;
	}
	if (s.hash && lib.ctx_set(ctx, "digest", s.hash) != 1)
		return false;
	return s.form != PKI_PSS || (s.hash && lib.ctx_set(ctx, "rsa_pss_saltlen", "digest") == 1);
}

static size_t sign_whole(void *key, struct pki_bytes data, uint8_t *into)
{
	void *md = base->md_new();
	size_t n = PKI_SIGNATURE;
	bool ok = md && lib.whole_sign_init(md, NULL, NULL, NULL, key) == 1 &&
		  lib.whole_sign(md, into, &n, data.at, data.len) == 1;

	if (md)
		base->md_free(md);
	return ok ? n : 0;
}

size_t pki_sign(void *key, struct pki_scheme s, struct pki_bytes data, uint8_t into[PKI_SIGNATURE])
{
	uint8_t hashed[64];
	size_t n = PKI_SIGNATURE;
	void *ctx;
	bool ok;

	if (s.form == PKI_EDDSA) {
		n = sign_whole(key, data, into);
		lib.err_clear();
		return n;
	}
	ctx = base->pkey_ctx_new(key, NULL);
	ok = ctx && lib.sign_init(ctx) == 1 && set_scheme(ctx, s) && digest(s, &data, hashed) &&
	     lib.sign(ctx, into, &n, data.at, data.len) == 1;
	if (ctx)
		base->pkey_ctx_free(ctx);
	lib.err_clear();
	return ok ? n : 0;
}

static bool verify_whole(void *key, struct pki_bytes data, struct pki_bytes signature)
{
	void *md = base->md_new();
	bool ok = md && lib.whole_verify_init(md, NULL, NULL, NULL, key) == 1 &&
		  lib.whole_verify(md, signature.at, signature.len, data.at, data.len) == 1;

	if (md)
		base->md_free(md);
	return ok;
}

static bool verify(void *key, struct pki_scheme s, struct pki_bytes data, struct pki_bytes signature)
{
	uint8_t hashed[64];
	void *ctx = base->pkey_ctx_new(key, NULL);
	bool ok = ctx && lib.verify_init(ctx) == 1 && set_scheme(ctx, s) && digest(s, &data, hashed) &&
		  lib.verify(ctx, signature.at, signature.len, data.at, data.len) == 1;

	if (ctx)
		base->pkey_ctx_free(ctx);
	return ok;
}

bool pki_verify(struct pki_bytes der, struct pki_scheme s, struct pki_bytes data, struct pki_bytes signature)
{
	void *cert = cert_of(der), *key = cert ? lib.cert_key(cert) : NULL;
	bool ok = key && (s.form == PKI_EDDSA ? verify_whole(key, data, signature) : verify(key, s, data, signature));

	if (key)
		base->pkey_free(key);
	if (cert)
		lib.cert_free(cert);
	lib.err_clear();
	return ok;
}

struct pki_trust {
	void *store;
	bool crls;
};

struct pki_trust *pki_trust_new(void)
{
	struct pki_trust *t = calloc(1, sizeof *t);

	if (t && !(t->store = lib.store_new())) {
		free(t);
		t = NULL;
	}
	return t;
}

void pki_trust_free(struct pki_trust *t)
{
	lib.store_free(t->store);
	free(t);
}

bool pki_trust_add(struct pki_trust *t, struct pki_bytes der)
{
	void *cert = cert_of(der);
	bool ok = cert && lib.store_add(t->store, cert) == 1;

	if (cert)
		lib.cert_free(cert);
	lib.err_clear();
	return ok;
}

int pki_trust_crls(struct pki_trust *t, struct pki_bytes pem)
{
	void *bio = lib.bio_of(pem.at, (int)pem.len), *crl;
	int count = 0;
	bool ok = bio != NULL;

	lib.err_clear();
	while (ok && (crl = lib.pem_crl(bio, NULL, no_passphrase, NULL))) {
		ok = lib.store_add_crl(t->store, crl) == 1;
		lib.crl_free(crl);
		count++;
	}
	/* The end of the text is an error of PEM's own, without another below it: "no start line". */
	if ((lib.err_last() & 0xfff) != 108)
		ok = false;
	if (bio)
		lib.bio_free(bio);
	lib.err_clear();
	t->crls = t->crls || count > 0;
	return ok ? count : -1;
}

/* Who issued the peer's own certificate must have a CRL; a CA without one is not revoked. */
static int issuer_without_crl(int ok, void *ctx)
{
	return ok || (lib.ctx_error(ctx) == V_NO_CRL && lib.ctx_depth(ctx) > 0);
}

static uint32_t fault(uint32_t error, int depth)
{
	return error | (uint32_t)(depth < 0 ? 0 : depth) << 20;
}

/* libcrypto takes a certificate without basic constraints for a CA when its key usage says so; RFC 5280 does not. */
static uint32_t all_cas(void *ctx)
{
	void *chain = lib.ctx_chain(ctx);
	int last = chain ? lib.stack_count(chain) - 1 : -1;

	if (last < 0)
		return fault(V_UNSPECIFIED, 0);
	for (int i = 1; i <= last; i++) {
		int ca = lib.cert_is_ca(lib.stack_at(chain, i));

		if (ca != CA_BY_CONSTRAINTS && !(i == last && ca == CA_VERSION_1))
			return fault(PKI_NOT_CA, i);
	}
	return 0;
}

static uint32_t run(struct pki_trust *t, void *ctx, int64_t seconds, int level)
{
	void *param = lib.ctx_param(ctx);

	lib.param_flags(param, V_PARTIAL_CHAIN | (t->crls ? V_CRL_CHECK : 0) | (seconds < 0 ? V_NO_CHECK_TIME : 0));
	if (seconds >= 0)
		lib.param_time(param, (time_t)seconds);
	lib.param_depth(param, DEEPEST);
	lib.param_level(param, level);
	lib.ctx_callback(ctx, issuer_without_crl);
	if (lib.verify_cert(ctx) != 1) {
		int error = lib.ctx_error(ctx);

		return fault(error > 0 && error < PKI_NOT_CA ? (uint32_t)error : V_UNSPECIFIED, lib.ctx_depth(ctx));
	}
	return all_cas(ctx);
}

uint32_t pki_validate(struct pki_trust *t, struct pki_bytes chain, int64_t seconds, int level)
{
	const uint8_t *at = chain.at, *end = chain.at + chain.len;
	void *own = NULL, *others = lib.stack_new(), *ctx = lib.ctx_new();
	uint32_t r = fault(V_UNSPECIFIED, 0);
	bool ok = others && ctx;

	for (int i = 0; ok && at < end; i++) {
		void *cert = i < PKI_MOST_CERTS ? lib.cert_of(NULL, &at, end - at) : NULL;

		if (cert && !own) {
			own = cert;
		} else {
			ok = cert && lib.stack_push(others, cert) > 0;
			if (cert && !ok)
				lib.cert_free(cert);
		}
	}
	if (ok && own && lib.ctx_init(ctx, t->store, own, others) == 1)
		r = run(t, ctx, seconds, level);
	if (ctx)
		lib.ctx_free(ctx);
	if (others)
		lib.stack_free(others, lib.cert_free);
	if (own)
		lib.cert_free(own);
	lib.err_clear();
	return r;
}
