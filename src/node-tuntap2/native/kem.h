/* Key encapsulation. Each answers false where libcrypto lacks it, and nothing that it filled is to be used then. */
#ifndef TT_KEM_H
#define TT_KEM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kem {
	const char *name, *ossl;
	size_t secret, public, sealed; /* bytes */
};
#define KEM_SHARED 32
/* Ends with a NULL name. */
extern const struct kem kems[];

bool kem_new(const struct kem *k, uint8_t *secret, uint8_t *public);
/* False as well: the peer's public value is not reduced (FIPS 203 section 7.2). */
bool kem_seal(const struct kem *k, const uint8_t *public, uint8_t *sealed, uint8_t *into);
bool kem_open(const struct kem *k, const uint8_t *secret, const uint8_t *sealed, uint8_t *into);

#endif
