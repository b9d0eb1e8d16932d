/*
 * The few functions of libcrypto that we need, looked up at run time: in the process (Node exports its own OpenSSL) or
 * in libcrypto.so. So the library builds without OpenSSL's headers and loads where there is none.
 */
#ifndef TT_OSSL_H
#define TT_OSSL_H
#include <stdbool.h>
#include <stddef.h>

#define OSSL_GET_TAG 0x10 /* EVP_CTRL_AEAD_GET_TAG */
#define OSSL_SET_TAG 0x11 /* EVP_CTRL_AEAD_SET_TAG */

struct ossl {
	const char *(*version)(int);
	int (*random)(unsigned char *, int);
	void (*cleanse)(void *, size_t);
	int (*compare)(const void *, const void *, size_t); /* CRYPTO_memcmp */
	const void *(*cipher_by_name)(const char *);
	const void *(*digest_by_name)(const char *);
	void *(*cipher_new)(void);
	void (*cipher_free)(void *);
	int (*cipher_init)(void *, const void *, void *, const unsigned char *, const unsigned char *, int);
	int (*cipher_update)(void *, unsigned char *, int *, const unsigned char *, int);
	int (*cipher_final)(void *, unsigned char *, int *);
	int (*cipher_ctrl)(void *, int, int, void *);
	int (*cipher_padding)(void *, int);
	void *(*md_new)(void);
	void (*md_free)(void *);
	int (*md_copy)(void *, const void *);
	int (*md_init)(void *, const void *, void *);
	int (*md_update)(void *, const void *, size_t);
	int (*md_final)(void *, unsigned char *, unsigned *);
	int (*digest)(const void *, size_t, unsigned char *, unsigned *, const void *, void *);
	unsigned char *(*hmac)(const void *, const void *, int, const unsigned char *, size_t, unsigned char *,
			       unsigned *);
	/* numbers */
	void *(*bn_ctx_new)(void);
	void (*bn_ctx_free)(void *);
	void *(*bn_new)(void);
	void (*bn_free)(void *);
	void (*bn_clear_free)(void *);
	void *(*bn_bin2bn)(const unsigned char *, int, void *);
	int (*bn_bn2binpad)(const void *, unsigned char *, int);
	void *(*bn_copy)(void *, const void *);
	int (*bn_set_word)(void *, unsigned long);
	int (*bn_sub_word)(void *, unsigned long);
	int (*bn_cmp)(const void *, const void *);
	int (*bn_num_bits)(const void *);
	int (*bn_exp)(void *, const void *, const void *, const void *, void *, void *); /* BN_mod_exp_mont_consttime */
	void *(*prime1024)(void *);
	void *(*prime1536)(void *);
	void *(*prime2048)(void *);
	void *(*prime3072)(void *);
	void *(*prime4096)(void *);
	void *(*prime6144)(void *);
	void *(*prime8192)(void *);
	/* curves */
	void *(*ec_group)(int);
	void (*ec_group_free)(void *);
	void *(*ec_point_new)(const void *);
	void (*ec_point_clear_free)(void *);
	int (*ec_oct2point)(const void *, void *, const unsigned char *, size_t, void *);
	size_t (*ec_point2oct)(const void *, const void *, int, unsigned char *, size_t, void *);
	int (*ec_mul)(const void *, void *, const void *, const void *, const void *, void *);
	void *(*pkey_private)(int, void *, const unsigned char *, size_t);
	void *(*pkey_public)(int, void *, const unsigned char *, size_t);
	int (*pkey_get_public)(const void *, unsigned char *, size_t *);
	void (*pkey_free)(void *);
	void *(*pkey_ctx_new)(void *, void *);
	void (*pkey_ctx_free)(void *);
	int (*derive_init)(void *);
	int (*derive_peer)(void *, void *);
	int (*derive)(void *, unsigned char *, size_t *);
};

/* NULL when this process has no libcrypto. The answer is found once. */
const struct ossl *ossl(void);
/* Fills `count` function pointers, which lie one behind the other, from where ossl() found libcrypto. */
bool ossl_more(const char *const *names, size_t count, void *slots);
#endif
