/* Certificates, their validation (RFC 5280) and signatures, by libcrypto. DER is checked for form by the caller. */
#ifndef TT_PKI_H
#define TT_PKI_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PKI_MOST_CERTS 16    /* of one chain */
#define PKI_SIGNATURE 2048   /* room for a signature, bytes */
#define PKI_NOT_CA (1 << 16) /* pki_validate: not one of libcrypto's: an issuer is not marked as a CA */

enum pki_form { PKI_PKCS1, PKI_PSS, PKI_ECDSA, PKI_EDDSA };
struct pki_scheme {
	enum pki_form form;
	const char *hash; /* NULL: the data is signed as it is */
};
struct pki_bytes {
	const uint8_t *at;
	size_t len;
};

bool pki_have(void);

/*
 * A private key of PEM without a passphrase; `cert` (DER), when it is not empty, must be its certificate. NULL: `why`
 * says why not.
 */
void *pki_key(struct pki_bytes pem, struct pki_bytes cert, const char **why);
void pki_key_free(void *key);
/* How long the signature is; 0: the key does not fit the scheme, or libcrypto lacks it. ECDSA is DER. */
size_t pki_sign(void *key, struct pki_scheme s, struct pki_bytes data, uint8_t into[PKI_SIGNATURE]);
/* `cert`: DER, whose public key is used. */
bool pki_verify(struct pki_bytes cert, struct pki_scheme s, struct pki_bytes data, struct pki_bytes signature);

struct pki_trust;
struct pki_trust *pki_trust_new(void); /* NULL: no memory */
void pki_trust_free(struct pki_trust *t);
bool pki_trust_add(struct pki_trust *t, struct pki_bytes cert);
/* How many CRLs the PEM text has; -1: one of them cannot be read. */
int pki_trust_crls(struct pki_trust *t, struct pki_bytes pem);
/*
 * `chain`: certificates one behind the other. `seconds` since 1970; below 0: dates are not looked at. `level`: OpenSSL's
 * security level. 0: trusted; otherwise libcrypto's X509_V_ERR_* or PKI_NOT_CA, and the place in the chain times 2^20.
 */
uint32_t pki_validate(struct pki_trust *t, struct pki_bytes chain, int64_t seconds, int level);

/* ---- pki_make.c: for who has no CA ---- */

bool pki_make_have(void);
/* A new key of one of the kinds rsa2048 to rsa4096, ecp256, ecp384, ecp521, ed25519, ed448: PKCS #8 in PEM; 0: failed. */
size_t pki_generate(const char *kind, uint8_t *into, size_t room);
/* The SubjectPublicKeyInfo of a private key in PEM. */
size_t pki_public(struct pki_bytes pem, uint8_t *into, size_t room);
/* `certs`: DER, its own first. 3DES and SHA-1, which every system reads: the password is all that protects the key. */
size_t pki_pkcs12(const char *password, const char *name, struct pki_bytes pem, struct pki_bytes certs, uint8_t *into,
		  size_t room);
/* PEM: the key, its certificate, then the others. 0: wrong password, or not PKCS #12. */
size_t pki_of_pkcs12(struct pki_bytes p12, const char *password, uint8_t *into, size_t room);
#endif
