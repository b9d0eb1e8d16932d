#define _GNU_SOURCE
#include "ossl.h"
#include "pki.h"
#include <string.h>

/* Of OpenSSL's headers: the same in 1.1.1 and 3. */
enum {
	NID_PBE_SHA1_3DES = 146,
	NO_MAC = -1,
	ROUNDS = 100000,
};

static struct {
	void *(*ctx_of)(int type, void *engine);
	int (*generate_init)(void *);
	int (*generate)(void *, void **key);
	int (*ctx_set)(void *, const char *name, const char *value);
	void *(*bio_new)(const void *method);
	const void *(*bio_mem)(void);
	void *(*bio_of)(const void *data, int n);
	int (*bio_read)(void *, void *into, int n);
	int (*bio_free)(void *);
	void *(*read_key)(void *bio, void **, void *callback, void *);
	int (*write_key)(void *bio, void *key, const void *cipher, void *pass, int n, void *callback, void *);
	int (*write_cert)(void *bio, void *cert);
	int (*write_public)(void *key, uint8_t **into);
	void *(*cert_of)(void **, const uint8_t **at, long n);
	void (*cert_free)(void *);
	void *(*stack_new)(void);
	int (*stack_push)(void *, const void *);
	int (*stack_count)(const void *);
	void *(*stack_at)(const void *, int);
	void (*stack_free)(void *, void (*each)(void *));
	void *(*p12_create)(const char *pass, const char *name, void *key, void *cert, void *others, int key_nid,
			    int cert_nid, int rounds, int mac_rounds, int type);
	int (*p12_mac)(void *, const char *pass, int len, uint8_t *salt, int salt_len, int rounds, const void *hash);
	int (*p12_write)(void *, uint8_t **into);
	void *(*p12_of)(void **, const uint8_t **at, long n);
	int (*p12_parse)(void *, const char *pass, void **key, void **cert, void **others);
	void (*p12_free)(void *);
	void (*err_clear)(void);
} lib;
static const struct ossl *base;

bool pki_make_have(void)
{
	static const char *const names[] = {
		"EVP_PKEY_CTX_new_id",
		"EVP_PKEY_keygen_init",
		"EVP_PKEY_keygen",
		"EVP_PKEY_CTX_ctrl_str",
		"BIO_new",
		"BIO_s_mem",
		"BIO_new_mem_buf",
		"BIO_read",
		"BIO_free",
		"PEM_read_bio_PrivateKey",
		"PEM_write_bio_PKCS8PrivateKey",
		"PEM_write_bio_X509",
		"i2d_PUBKEY",
		"d2i_X509",
		"X509_free",
		"OPENSSL_sk_new_null",
		"OPENSSL_sk_push",
		"OPENSSL_sk_num",
		"OPENSSL_sk_value",
		"OPENSSL_sk_pop_free",
		"PKCS12_create",
		"PKCS12_set_mac",
		"i2d_PKCS12",
		"d2i_PKCS12",
		"PKCS12_parse",
		"PKCS12_free",
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

static const struct {
	const char *name;
	int type;
	const char *option, *value;
} kinds[] = {
	{ "rsa2048", 6, "rsa_keygen_bits", "2048" },
	{ "rsa3072", 6, "rsa_keygen_bits", "3072" },
	{ "rsa4096", 6, "rsa_keygen_bits", "4096" },
	{ "ecp256", 408, "ec_paramgen_curve", "P-256" },
	{ "ecp384", 408, "ec_paramgen_curve", "P-384" },
	{ "ecp521", 408, "ec_paramgen_curve", "P-521" },
	{ "ed25519", 1087, NULL, NULL },
	{ "ed448", 1088, NULL, NULL },
};

static void *no_key(void)
{
	lib.err_clear();
	return NULL;
}

static void *new_key(const char *kind)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		void *ctx, *key = NULL;

		if (strcmp(kinds[i].name, kind) != 0)
			continue;
		ctx = lib.ctx_of(kinds[i].type, NULL);
		if (ctx && lib.generate_init(ctx) == 1 &&
		    (!kinds[i].option || lib.ctx_set(ctx, kinds[i].option, kinds[i].value) == 1) &&
		    lib.generate(ctx, &key) != 1)
			key = NULL;
		if (ctx)
			base->pkey_ctx_free(ctx);
		return key ? key : no_key();
	}
	return NULL;
}

/* A key with a passphrase is refused; the default would ask for it on the terminal. */
static int no_passphrase(char *into, int room, int writing, void *more)
{
	(void)into, (void)room, (void)writing, (void)more;
	return -1;
}

static void *key_of(struct pki_bytes pem)
{
	void *bio = lib.bio_of(pem.at, (int)pem.len), *key = NULL;

	if (bio) {
		key = lib.read_key(bio, NULL, no_passphrase, NULL);
		lib.bio_free(bio);
	}
	return key ? key : no_key();
}

/* What was written into `bio`, which ends here. 0: it does not fit. */
static size_t drain(void *bio, bool ok, uint8_t *into, size_t room)
{
	int n = bio && ok ? lib.bio_read(bio, into, (int)room) : 0;
	uint8_t more;

	if (n > 0 && lib.bio_read(bio, &more, 1) == 1)
		n = 0;
	if (bio)
		lib.bio_free(bio);
	lib.err_clear();
	return n > 0 ? (size_t)n : 0;
}

size_t pki_generate(const char *kind, uint8_t *into, size_t room)
{
	void *key = new_key(kind), *bio = key ? lib.bio_new(lib.bio_mem()) : NULL;
	bool ok = bio && lib.write_key(bio, key, NULL, NULL, 0, NULL, NULL) == 1;

	if (key)
		base->pkey_free(key);
	return drain(bio, ok, into, room);
}

size_t pki_public(struct pki_bytes pem, uint8_t *into, size_t room)
{
	void *key = key_of(pem);
	int n = key ? lib.write_public(key, NULL) : 0;

	if (n > 0 && (size_t)n <= room)
		n = lib.write_public(key, &into);
	else
		n = 0;
	if (key)
		base->pkey_free(key);
	return n > 0 ? (size_t)n : 0;
}

static void *others_of(const uint8_t *at, const uint8_t *end)
{
	void *all = lib.stack_new();

	while (all && at < end) {
		void *cert = lib.cert_of(NULL, &at, end - at);

		if (cert && lib.stack_push(all, cert) > 0)
			continue;
		if (cert)
			lib.cert_free(cert);
		lib.stack_free(all, lib.cert_free);
		all = NULL;
	}
	return all;
}

size_t pki_pkcs12(const char *password, const char *name, struct pki_bytes pem, struct pki_bytes certs, uint8_t *into,
		  size_t room)
{
	const uint8_t *at = certs.at, *end = certs.at + certs.len;
	void *key = key_of(pem), *cert = lib.cert_of(NULL, &at, (long)certs.len), *others = NULL, *p12 = NULL;
	int n = 0;

	if (key && cert)
		others = others_of(at, end);
	if (others)
		p12 = lib.p12_create(password, name, key, cert, others, NID_PBE_SHA1_3DES, NID_PBE_SHA1_3DES, ROUNDS,
				     NO_MAC, 0);
	if (p12 && lib.p12_mac(p12, password, -1, NULL, 0, ROUNDS, base->digest_by_name("sha1")) == 1)
		n = lib.p12_write(p12, NULL);
	n = n > 0 && (size_t)n <= room ? lib.p12_write(p12, &into) : 0;
	if (p12)
		lib.p12_free(p12);
	if (others)
		lib.stack_free(others, lib.cert_free);
	if (cert)
		lib.cert_free(cert);
	if (key)
		base->pkey_free(key);
	lib.err_clear();
	return n > 0 ? (size_t)n : 0;
}

static bool write_all(void *bio, void *key, void *cert, void *others)
{
	if (!bio || !key || !cert || lib.write_key(bio, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    lib.write_cert(bio, cert) != 1)
		return false;
	for (int i = 0; others && i < lib.stack_count(others); i++)
		if (lib.write_cert(bio, lib.stack_at(others, i)) != 1)
			return false;
	return true;
}

size_t pki_of_pkcs12(struct pki_bytes file, const char *password, uint8_t *into, size_t room)
{
	const uint8_t *at = file.at;
	void *p12 = lib.p12_of(NULL, &at, (long)file.len), *key = NULL, *cert = NULL, *others = NULL;
	void *bio = lib.bio_new(lib.bio_mem());
	bool ok = p12 && lib.p12_parse(p12, password, &key, &cert, &others) == 1 && write_all(bio, key, cert, others);

	if (others)
		lib.stack_free(others, lib.cert_free);
	if (cert)
		lib.cert_free(cert);
	if (key)
		base->pkey_free(key);
	if (p12)
		lib.p12_free(p12);
	return drain(bio, ok, into, room);
}
