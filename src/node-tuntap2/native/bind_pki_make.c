/* The flat functions of pki_make.c. */
#include "bind.h"
#include "pki.h"

#define LONGEST (1u << 20) /* bytes of one input */

static struct pki_bytes some(struct tt_args *a, int i)
{
	struct pki_bytes b = { NULL, 0 };

	b.at = arg_bytes(a, i, &b.len, "pki: not a Uint8Array");
	if (b.len > LONGEST)
		throw_range(a, "pki: more than 1 MiB");
	if (!pki_make_have())
		throw_range(a, "pki: this process has no libcrypto");
	return b;
}

static double bind_generate(struct tt_args *a)
{
	char kind[16];
	size_t room;
	uint8_t *into = arg_bytes(a, 1, &room, "into: not a Uint8Array");

	arg_text(a, 0, kind, sizeof kind, "pki: kind of key not known");
	if (!pki_make_have())
		throw_range(a, "pki: this process has no libcrypto");
	return a->bad ? NOTHING : (double)pki_generate(kind, into, room);
}

static double bind_public(struct tt_args *a)
{
	struct pki_bytes pem = some(a, 0);
	size_t room;
	uint8_t *into = arg_bytes(a, 1, &room, "into: not a Uint8Array");

	return a->bad ? NOTHING : (double)pki_public(pem, into, room);
}

static double bind_pkcs12(struct tt_args *a)
{
	char password[256], name[256];
	struct pki_bytes key = some(a, 2), certs = some(a, 3);
	size_t room;
	uint8_t *into = arg_bytes(a, 4, &room, "into: not a Uint8Array");

	arg_text(a, 0, password, sizeof password, "password: longer than 255 bytes");
	arg_text(a, 1, name, sizeof name, "name: longer than 255 bytes");
	return a->bad ? NOTHING : (double)pki_pkcs12(password, name, key, certs, into, room);
}

static double bind_of_pkcs12(struct tt_args *a)
{
	struct pki_bytes file = some(a, 0);
	char password[256];
	size_t room;
	uint8_t *into = arg_bytes(a, 2, &room, "into: not a Uint8Array");

	arg_text(a, 1, password, sizeof password, "password: longer than 255 bytes");
	return a->bad ? NOTHING : (double)pki_of_pkcs12(file, password, into, room);
}

static const struct tt_function functions[] = {
	{ "pkiGenerate", bind_generate, 2 },
	{ "pkiPublic", bind_public, 2 },
	{ "pkiPkcs12", bind_pkcs12, 5 },
	{ "pkiOfPkcs12", bind_of_pkcs12, 3 },
	{ NULL, NULL, 0 },
};

const struct tt_binding bind_pki_make = { functions, NULL, NULL };
