#define _GNU_SOURCE
#include "ossl.h"
#include <dlfcn.h>
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
	struct ossl *t = &table;

	return get(lib, "OpenSSL_version", &t->version) && get(lib, "RAND_bytes", &t->random) &&
	       get(lib, "OPENSSL_cleanse", &t->cleanse) && get(lib, "CRYPTO_memcmp", &t->compare) &&
	       get(lib, "EVP_get_cipherbyname", &t->cipher_by_name) &&
	       get(lib, "EVP_get_digestbyname", &t->digest_by_name) && get(lib, "EVP_CIPHER_CTX_new", &t->cipher_new) &&
	       get(lib, "EVP_CIPHER_CTX_free", &t->cipher_free) && get(lib, "EVP_CipherInit_ex", &t->cipher_init) &&
	       get(lib, "EVP_CipherUpdate", &t->cipher_update) && get(lib, "EVP_CipherFinal_ex", &t->cipher_final) &&
	       get(lib, "EVP_CIPHER_CTX_ctrl", &t->cipher_ctrl) &&
	       get(lib, "EVP_CIPHER_CTX_set_padding", &t->cipher_padding) && get(lib, "EVP_MD_CTX_new", &t->md_new) &&
	       get(lib, "EVP_MD_CTX_free", &t->md_free) && get(lib, "EVP_MD_CTX_copy_ex", &t->md_copy) &&
	       get(lib, "EVP_DigestInit_ex", &t->md_init) && get(lib, "EVP_DigestUpdate", &t->md_update) &&
	       get(lib, "EVP_DigestFinal_ex", &t->md_final);
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
