/* The flat functions of tls.c. */
#include "bind.h"
#include "tls.h"

#define MOST (256u << 10) /* of one PEM text, and of what comes at once */

struct held {
	struct tt_obj obj;
	struct tt_tls *t;
};

static struct held *held_of(struct tt_args *a)
{
	uint32_t handle = arg_u32(a, 0, "tls: not a handle");
	struct held *h = a->bad ? NULL : pool_get(&a->inst->tls, handle);

	if (!h)
		throw_range(a, "tls: closed");
	return h;
}

static uint8_t *some(struct tt_args *a, int i, size_t *len)
{
	uint8_t *p = arg_bytes(a, i, len, "tls: not a Uint8Array");

	if (*len > MOST)
		throw_range(a, "tls: more than 256 KiB");
	return p;
}

/* A handle; 0: no libssl; below 0: so many bytes of words in `why`. */
static double bind_tls_new(struct tt_args *a)
{
	size_t ca_len, cert_len, key_len;
	uint8_t *ca = some(a, 0, &ca_len), *cert = some(a, 1, &cert_len), *key = some(a, 2, &key_len);
	bool stream = arg_bool(a, 4, "stream: true or false");
	uint8_t *into = arg_bytes_of(a, 5, TT_TLS_WORDS, "why: wrong length");
	char name[256], why[TT_TLS_WORDS];
	struct held *h;
	struct tt_tls *t;

	arg_text(a, 3, name, sizeof name, "server name: longer than 255 bytes");
	if (a->bad)
		return NOTHING;
	if (!tt_tls_have())
		return 0;
	t = tt_tls_new(ca, ca_len, cert, cert_len, key, key_len, *name ? name : NULL, stream, why);
	if (!t) {
		memcpy(into, why, strlen(why));
		return -(double)strlen(why);
	}
	h = pool_add(&a->inst->tls);
	if (!h) {
		tt_tls_free(t);
		return 0;
	}
	h->t = t;
	return h->obj.handle;
}

static double bind_tls_close(struct tt_args *a)
{
	struct held *h = held_of(a);

	if (a->bad)
		return NOTHING;
	tt_tls_free(h->t);
	pool_remove(&a->inst->tls, h);
	return NOTHING;
}

static double bind_tls_step(struct tt_args *a)
{
	struct held *h = held_of(a);
	size_t n;
	uint8_t *in = some(a, 1, &n);

	if (a->bad)
		return NOTHING;
	return tt_tls_step(h->t, in, n);
}

static double bind_tls_read(struct tt_args *a)
{
	struct held *h = held_of(a);
	size_t room;
	uint8_t *into = some(a, 1, &room);

	if (a->bad)
		return NOTHING;
	return tt_tls_read(h->t, into, room);
}

static double bind_tls_write(struct tt_args *a)
{
	struct held *h = held_of(a);
	size_t n;
	uint8_t *data = some(a, 1, &n);

	if (a->bad)
		return NOTHING;
	return tt_tls_write(h->t, data, n);
}

static double bind_tls_output(struct tt_args *a)
{
	struct held *h = held_of(a);
	size_t room;
	uint8_t *into = some(a, 1, &room);

	if (a->bad)
		return NOTHING;
	return (double)tt_tls_output(h->t, into, room);
}

static double bind_tls_why(struct tt_args *a)
{
	struct held *h = held_of(a);
	uint8_t *into = arg_bytes_of(a, 1, TT_TLS_WORDS, "why: wrong length");
	const char *why;

	if (a->bad)
		return NOTHING;
	why = tt_tls_why(h->t);
	memcpy(into, why, strlen(why));
	return (double)strlen(why);
}

static double bind_tls_version(struct tt_args *a)
{
	struct held *h = held_of(a);

	if (a->bad)
		return NOTHING;
	return tt_tls_version(h->t);
}

/* An empty context is given as one with TLS 1.3, and is the same as none there. */
static double bind_tls_export(struct tt_args *a)
{
	struct held *h = held_of(a);
	char label[64];
	size_t context_len, n;
	uint8_t *context, *into = arg_bytes(a, 3, &n, "into: not a Uint8Array");

	arg_text(a, 1, label, sizeof label, "label: longer than 63 bytes");
	context = some(a, 2, &context_len);
	if (n < 1 || n > 1024)
		throw_range(a, "into: 1 to 1,024 bytes");
	if (a->bad)
		return NOTHING;
	return tt_tls_export(h->t, label, context_len ? context : NULL, context_len, into, n);
}

static void begin(struct tt_inst *inst)
{
	pool_init(&inst->tls, sizeof(struct held));
}

static void end(struct tt_inst *inst)
{
	for (uint32_t i = 0; i < inst->tls.count; i++) {
		struct held *h = pool_at(&inst->tls, i);

		if (h->obj.handle)
			tt_tls_free(h->t);
	}
	pool_free(&inst->tls);
}

static const struct tt_function functions[] = {
	{ "tlsNew", bind_tls_new, 6 },	     { "tlsClose", bind_tls_close, 1 },
	{ "tlsRead", bind_tls_read, 2 },     { "tlsWrite", bind_tls_write, 2 },
	{ "tlsStep", bind_tls_step, 2 },     { "tlsOutput", bind_tls_output, 2 },
	{ "tlsWhy", bind_tls_why, 2 },	     { "tlsVersion", bind_tls_version, 1 },
	{ "tlsExport", bind_tls_export, 4 }, { NULL, NULL, 0 },
};

const struct tt_binding bind_tls = { functions, begin, end };
