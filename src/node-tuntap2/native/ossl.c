#define _GNU_SOURCE
#include "ossl.h"
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

static struct ossl table;

/* POSIX promises that a function pointer fits an object pointer; ISO C wants it copied. */
static bool get(void *lib, const char *name, void *slot)
{
	void *f = dlsym(lib, name);

	memcpy(slot, &f, sizeof f);
	return f != NULL;
}

static bool load(void *lib)
{
	static const char *const low[OSSL_DIGESTS][3] = {
		{ "MD5_Init", "MD5_Update", "MD5_Final" },
		{ "SHA1_Init", "SHA1_Update", "SHA1_Final" },
		{ "SHA256_Init", "SHA256_Update", "SHA256_Final" },
		{ "SHA384_Init", "SHA384_Update", "SHA384_Final" },
		{ "SHA512_Init", "SHA512_Update", "SHA512_Final" },
	};
	struct ossl *t = &table;

	if (!get(lib, "OpenSSL_version", &t->version) || !get(lib, "RAND_bytes", &t->random) ||
	    !get(lib, "OPENSSL_cleanse", &t->cleanse) || !get(lib, "CRYPTO_memcmp", &t->compare) ||
	    !get(lib, "EVP_get_cipherbyname", &t->cipher_by_name) ||
	    !get(lib, "EVP_get_digestbyname", &t->digest_by_name) ||
	    !get(lib, "EVP_CIPHER_CTX_new", &t->cipher_new) || !get(lib, "EVP_CIPHER_CTX_free", &t->cipher_free) ||
	    !get(lib, "EVP_CipherInit_ex", &t->cipher_init) || !get(lib, "EVP_CipherUpdate", &t->cipher_update) ||
	    !get(lib, "EVP_CipherFinal_ex", &t->cipher_final) || !get(lib, "EVP_CIPHER_CTX_ctrl", &t->cipher_ctrl) ||
	    !get(lib, "EVP_CIPHER_CTX_set_padding", &t->cipher_padding) || !get(lib, "EVP_MD_CTX_new", &t->md_new) ||
	    !get(lib, "EVP_MD_CTX_free", &t->md_free) || !get(lib, "EVP_MD_CTX_copy_ex", &t->md_copy) ||
	    !get(lib, "EVP_DigestInit_ex", &t->md_init) || !get(lib, "EVP_DigestUpdate", &t->md_update) ||
	    !get(lib, "EVP_DigestFinal_ex", &t->md_final))
		return false;
	for (int i = 0; i < OSSL_DIGESTS; i++)
		if (!get(lib, low[i][0], &t->low[i].init) || !get(lib, low[i][1], &t->low[i].update) ||
		    !get(lib, low[i][2], &t->low[i].final))
			memset(&t->low[i], 0, sizeof t->low[i]);
	return true;
}

const struct ossl *ossl(void)
{
	static const char *const names[] = { "libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so" };
	static int found = -1;

	if (found < 0) {
		found = load(RTLD_DEFAULT);
		for (size_t i = 0; !found && i < sizeof names / sizeof *names; i++) {
			void *lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);

			if (lib && !(found = load(lib)))
				dlclose(lib);
		}
	}
	return found ? &table : NULL;
}
