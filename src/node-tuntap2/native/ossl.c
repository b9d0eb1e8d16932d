#define _GNU_SOURCE
#include "ossl.h"
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

/* OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS. libssl loads those of its own. */
#define NO_WORDS 1

static struct ossl table;
static void *library = RTLD_DEFAULT;

/* POSIX promises that a function pointer fits an object pointer; ISO C wants it copied. */
static bool get(void *lib, const char *name, void *slot)
{
	void *f = dlsym(lib, name);

	memcpy(slot, &f, sizeof f);
	return f != NULL;
}

static const struct {
	const char *name;
	size_t slot;
} symbols[] = {
	{ "OpenSSL_version", offsetof(struct ossl, version) },
	{ "RAND_bytes", offsetof(struct ossl, random) },
	{ "OPENSSL_cleanse", offsetof(struct ossl, cleanse) },
	{ "CRYPTO_memcmp", offsetof(struct ossl, compare) },
	{ "EVP_get_cipherbyname", offsetof(struct ossl, cipher_by_name) },
	{ "EVP_get_digestbyname", offsetof(struct ossl, digest_by_name) },
	{ "EVP_CIPHER_CTX_new", offsetof(struct ossl, cipher_new) },
	{ "EVP_CIPHER_CTX_free", offsetof(struct ossl, cipher_free) },
	{ "EVP_CipherInit_ex", offsetof(struct ossl, cipher_init) },
	{ "EVP_CipherUpdate", offsetof(struct ossl, cipher_update) },
	{ "EVP_CipherFinal_ex", offsetof(struct ossl, cipher_final) },
	{ "EVP_CIPHER_CTX_ctrl", offsetof(struct ossl, cipher_ctrl) },
	{ "EVP_CIPHER_CTX_set_padding", offsetof(struct ossl, cipher_padding) },
	{ "EVP_MD_CTX_new", offsetof(struct ossl, md_new) },
	{ "EVP_MD_CTX_free", offsetof(struct ossl, md_free) },
	{ "EVP_MD_CTX_copy_ex", offsetof(struct ossl, md_copy) },
	{ "EVP_DigestInit_ex", offsetof(struct ossl, md_init) },
	{ "EVP_DigestUpdate", offsetof(struct ossl, md_update) },
	{ "EVP_DigestFinal_ex", offsetof(struct ossl, md_final) },
	{ "EVP_Digest", offsetof(struct ossl, digest) },
	{ "HMAC", offsetof(struct ossl, hmac) },
	{ "BN_CTX_new", offsetof(struct ossl, bn_ctx_new) },
	{ "BN_CTX_free", offsetof(struct ossl, bn_ctx_free) },
	{ "BN_new", offsetof(struct ossl, bn_new) },
	{ "BN_free", offsetof(struct ossl, bn_free) },
	{ "BN_clear_free", offsetof(struct ossl, bn_clear_free) },
	{ "BN_bin2bn", offsetof(struct ossl, bn_bin2bn) },
	{ "BN_bn2binpad", offsetof(struct ossl, bn_bn2binpad) },
	{ "BN_copy", offsetof(struct ossl, bn_copy) },
	{ "BN_set_word", offsetof(struct ossl, bn_set_word) },
	{ "BN_sub_word", offsetof(struct ossl, bn_sub_word) },
	{ "BN_cmp", offsetof(struct ossl, bn_cmp) },
	{ "BN_num_bits", offsetof(struct ossl, bn_num_bits) },
	{ "BN_mod_exp_mont_consttime", offsetof(struct ossl, bn_exp) },
	{ "BN_get_rfc2409_prime_1024", offsetof(struct ossl, prime1024) },
	{ "BN_get_rfc3526_prime_1536", offsetof(struct ossl, prime1536) },
	{ "BN_get_rfc3526_prime_2048", offsetof(struct ossl, prime2048) },
	{ "BN_get_rfc3526_prime_3072", offsetof(struct ossl, prime3072) },
	{ "BN_get_rfc3526_prime_4096", offsetof(struct ossl, prime4096) },
	{ "BN_get_rfc3526_prime_6144", offsetof(struct ossl, prime6144) },
	{ "BN_get_rfc3526_prime_8192", offsetof(struct ossl, prime8192) },
	{ "EC_GROUP_new_by_curve_name", offsetof(struct ossl, ec_group) },
	{ "EC_GROUP_free", offsetof(struct ossl, ec_group_free) },
	{ "EC_POINT_new", offsetof(struct ossl, ec_point_new) },
	{ "EC_POINT_clear_free", offsetof(struct ossl, ec_point_clear_free) },
	{ "EC_POINT_oct2point", offsetof(struct ossl, ec_oct2point) },
	{ "EC_POINT_point2oct", offsetof(struct ossl, ec_point2oct) },
	{ "EC_POINT_mul", offsetof(struct ossl, ec_mul) },
	{ "EVP_PKEY_new_raw_private_key", offsetof(struct ossl, pkey_private) },
	{ "EVP_PKEY_new_raw_public_key", offsetof(struct ossl, pkey_public) },
	{ "EVP_PKEY_get_raw_public_key", offsetof(struct ossl, pkey_get_public) },
	{ "EVP_PKEY_free", offsetof(struct ossl, pkey_free) },
	{ "EVP_PKEY_CTX_new", offsetof(struct ossl, pkey_ctx_new) },
	{ "EVP_PKEY_CTX_free", offsetof(struct ossl, pkey_ctx_free) },
	{ "EVP_PKEY_derive_init", offsetof(struct ossl, derive_init) },
	{ "EVP_PKEY_derive_set_peer", offsetof(struct ossl, derive_peer) },
	{ "EVP_PKEY_derive", offsetof(struct ossl, derive) },
};

static bool load(void *lib)
{
	for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
		if (!get(lib, symbols[i].name, (char *)&table + symbols[i].slot))
			return false;
	return true;
}

/*
 * The words for its errors are half a megabyte of a small router's memory; the numbers say what we want to know. Of a
 * process that has libcrypto for others too, this is not ours to say.
 */
static void without_words(void *lib)
{
	int (*init)(uint64_t, const void *);

	if (get(lib, "OPENSSL_init_crypto", &init))
		init(NO_WORDS, NULL);
}

const struct ossl *ossl(void)
{
	static const char *const names[] = { "libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so" };
	static int found = -1;

	if (found < 0) {
		found = load(RTLD_DEFAULT);
		for (size_t i = 0; !found && i < sizeof names / sizeof *names; i++) {
			void *lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);

			if (lib && !(found = load(lib))) {
				dlclose(lib);
			} else if (lib) {
				library = lib;
				without_words(lib);
			}
		}
	}
	return found ? &table : NULL;
}

bool ossl_more(const char *const *names, size_t count, void *slots)
{
	for (size_t i = 0; i < count; i++)
		if (!get(library, names[i], (char *)slots + i * sizeof(void *)))
			return false;
	return true;
}
