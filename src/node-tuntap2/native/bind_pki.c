/* The flat functions of pki.c. */
#include "bind.h"
#include "pki.h"

#define LONGEST (4u << 20) /* of a CRL's text, and of everything else */

struct key {
	struct tt_obj obj;
	void *key;
};
struct trust {
	struct tt_obj obj;
	struct pki_trust *t;
};

static struct pki_bytes some(struct tt_args *a, int i)
{
	struct pki_bytes b = { NULL, 0 };

	b.at = arg_bytes(a, i, &b.len, "pki: not a Uint8Array");
	if (b.len > LONGEST)
		throw_range(a, "pki: more than 4 MiB");
	if (!pki_have())
		throw_range(a, "pki: this process has no libcrypto");
	return b;
}

static void *held(struct tt_args *a, const struct tt_pool *pool)
{
	uint32_t handle = arg_u32(a, 0, "pki: not a handle");
	void *h = a->bad ? NULL : pool_get(pool, handle);

	if (!h)
		throw_range(a, "pki: closed");
	return h;
}

/* `hash` at argument i + 1: "" for none. */
static struct pki_scheme arg_scheme(struct tt_args *a, int i, char hash[16])
{
	static const char *const forms[] = { "pkcs1", "pss", "ecdsa", "eddsa", NULL };
	int form = arg_word(a, i, forms, "pki: form not known");

	arg_text(a, i + 1, hash, 16, "pki: hash not known");
	return (struct pki_scheme){ (enum pki_form)form, !a->bad && *hash ? hash : NULL };
}

/* 1: libcrypto is there. */
static double bind_pki_have(struct tt_args *a)
{
	(void)a;
	return pki_have();
}

/* A handle; below 0: so many bytes of words in `why`. */
static double bind_pki_key(struct tt_args *a)
{
	struct pki_bytes pem = some(a, 0), cert = some(a, 1);
	uint8_t *into = arg_bytes_of(a, 2, 200, "why: wrong length");
	const char *why;
	struct key *h;
	void *key;

	if (a->bad)
		return NOTHING;
	key = pki_key(pem, cert, &why);
	h = key ? pool_add(&a->inst->keys) : NULL;
	if (h) {
		h->key = key;
		return h->obj.handle;
	}
	if (key) {
		pki_key_free(key);
		why = "no memory";
	}
	memcpy(into, why, strlen(why));
	return -(double)strlen(why);
}

static double bind_pki_key_close(struct tt_args *a)
{
	struct key *h = held(a, &a->inst->keys);

	if (a->bad)
		return NOTHING;
	pki_key_free(h->key);
	pool_remove(&a->inst->keys, h);
	return NOTHING;
}

static double bind_pki_sign(struct tt_args *a)
{
	struct key *h = held(a, &a->inst->keys);
	char hash[16];
	struct pki_scheme s = arg_scheme(a, 1, hash);
	struct pki_bytes data = some(a, 3);
	uint8_t *into = arg_bytes_of(a, 4, PKI_SIGNATURE, "into: wrong length");

	return a->bad ? NOTHING : (double)pki_sign(h->key, s, data, into);
}

static double bind_pki_verify(struct tt_args *a)
{
	struct pki_bytes cert = some(a, 0), data = some(a, 3), signature = some(a, 4);
	char hash[16];
	struct pki_scheme s = arg_scheme(a, 1, hash);

	return a->bad ? NOTHING : pki_verify(cert, s, data, signature);
}

static double bind_pki_trust(struct tt_args *a)
{
	struct pki_trust *t = pki_have() ? pki_trust_new() : NULL;
	struct trust *h = t ? pool_add(&a->inst->trusts) : NULL;

	if (!h) {
		if (t)
			pki_trust_free(t);
		return 0;
	}
	h->t = t;
	return h->obj.handle;
}

static double bind_pki_trust_close(struct tt_args *a)
{
	struct trust *h = held(a, &a->inst->trusts);

	if (a->bad)
		return NOTHING;
	pki_trust_free(h->t);
	pool_remove(&a->inst->trusts, h);
	return NOTHING;
}

static double bind_pki_trust_add(struct tt_args *a)
{
	struct trust *h = held(a, &a->inst->trusts);
	struct pki_bytes cert = some(a, 1);

	return a->bad ? NOTHING : pki_trust_add(h->t, cert);
}

static double bind_pki_trust_crls(struct tt_args *a)
{
	struct trust *h = held(a, &a->inst->trusts);
	struct pki_bytes pem = some(a, 1);

	return a->bad ? NOTHING : pki_trust_crls(h->t, pem);
}

static double bind_pki_validate(struct tt_args *a)
{
	struct trust *h = held(a, &a->inst->trusts);
	struct pki_bytes chain = some(a, 1);
	double seconds = arg_integer(a, 2, -1, 253402300799.0, "seconds: -1 to the year 9999");
	int level = (int)arg_integer(a, 3, 0, 5, "level: 0 to 5");

	return a->bad ? NOTHING : pki_validate(h->t, chain, (int64_t)seconds, level);
}

static void begin(struct tt_inst *inst)
{
	pool_init(&inst->keys, sizeof(struct key));
	pool_init(&inst->trusts, sizeof(struct trust));
}

static void end(struct tt_inst *inst)
{
	for (uint32_t i = 0; i < inst->keys.count; i++) {
		struct key *h = pool_at(&inst->keys, i);

		if (h->obj.handle)
			pki_key_free(h->key);
	}
	for (uint32_t i = 0; i < inst->trusts.count; i++) {
		struct trust *h = pool_at(&inst->trusts, i);

		if (h->obj.handle)
			pki_trust_free(h->t);
	}
	pool_free(&inst->keys);
	pool_free(&inst->trusts);
}

static const struct tt_function functions[] = {
	{ "pkiHave", bind_pki_have, 0 },
	{ "pkiKey", bind_pki_key, 3 },
	{ "pkiKeyClose", bind_pki_key_close, 1 },
	{ "pkiSign", bind_pki_sign, 5 },
	{ "pkiVerify", bind_pki_verify, 5 },
	{ "pkiTrust", bind_pki_trust, 0 },
	{ "pkiTrustClose", bind_pki_trust_close, 1 },
	{ "pkiTrustAdd", bind_pki_trust_add, 2 },
	{ "pkiTrustCrls", bind_pki_trust_crls, 2 },
	{ "pkiValidate", bind_pki_validate, 4 },
	{ NULL, NULL, 0 },
};

const struct tt_binding bind_pki = { functions, begin, end };
