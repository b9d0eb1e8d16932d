/*
 * The few functions of libcrypto that ESP needs, looked up at run time: in the process (Node exports its own OpenSSL) or in
 * libcrypto.so. So the library builds without OpenSSL's headers and loads where there is none.
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
};

/* NULL when this process has no libcrypto. The answer is found once. */
const struct ossl *ossl(void);
#endif
