#include "esp.h"
#include <stdlib.h>

static const struct {
	const char *name, *ossl;
	uint8_t key, iv, align;
	uint8_t icv; /* of an AEAD; 0: it needs a MAC */
} CIPHERS[] = {
	{ "aes128", "aes-128-cbc", 16, 16, 16, 0 }, /* RFC 3602 */
	{ "aes192", "aes-192-cbc", 24, 16, 16, 0 },
	{ "aes256", "aes-256-cbc", 32, 16, 16, 0 },
	{ "camellia128", "camellia-128-cbc", 16, 16, 16, 0 }, /* RFC 4312 */
	{ "camellia192", "camellia-192-cbc", 24, 16, 16, 0 },
	{ "camellia256", "camellia-256-cbc", 32, 16, 16, 0 },
	{ "3des", "des-ede3-cbc", 24, 8, 8, 0 },	/* RFC 2451 */
	{ "null", NULL, 0, 0, 4, 0 },			/* RFC 2410; 4: RFC 4303 2.4 */
	{ "aes128gcm16", "aes-128-gcm", 16, 8, 4, 16 }, /* RFC 4106 */
	{ "aes192gcm16", "aes-192-gcm", 24, 8, 4, 16 },
	{ "aes256gcm16", "aes-256-gcm", 32, 8, 4, 16 },
	{ "aes128gcm12", "aes-128-gcm", 16, 8, 4, 12 },
	{ "aes256gcm12", "aes-256-gcm", 32, 8, 4, 12 },
	{ "aes128gcm8", "aes-128-gcm", 16, 8, 4, 8 },
	{ "aes256gcm8", "aes-256-gcm", 32, 8, 4, 8 },
	{ "chacha20poly1305", "chacha20-poly1305", 32, 8, 4, 16 }, /* RFC 7634 */
};
static const struct {
	const char *name, *ossl;
	uint8_t key, icv, block;
} MACS[] = {
	/* the key is as long as the digest */
	{ "md5", "md5", 16, 12, 64 },	    /* RFC 2403 */
	{ "sha1", "sha1", 20, 12, 64 },	    /* RFC 2404 */
	{ "sha256", "sha256", 32, 16, 64 }, /* RFC 4868 */
	{ "sha384", "sha384", 48, 24, 128 },   { "sha512", "sha512", 64, 32, 128 },
	{ "sha256_96", "sha256", 32, 12, 64 }, /* a draft of RFC 4868, as Android 6 and 7 still do it */
};
#define COUNT(a) (sizeof(a) / sizeof *(a))

static bool mac_init(struct esp *e, const char *name, const uint8_t *key, size_t key_len, size_t block)
{
	const struct ossl *o = e->o;
	struct esp_mac *m = &e->mac;
	const void *md = o->digest_by_name(name);
	uint8_t ipad[128], opad[128];
	bool ok;

	for (size_t i = 0; i < block; i++) {
		uint8_t k = i < key_len ? key[i] : 0;

		ipad[i] = k ^ 0x36;
		opad[i] = k ^ 0x5c;
	}
	ok = md && (m->inner = o->md_new()) && (m->outer = o->md_new()) && (m->work = o->md_new()) &&
	     o->md_init(m->inner, md, NULL) > 0 && o->md_update(m->inner, ipad, block) > 0 &&
	     o->md_init(m->outer, md, NULL) > 0 && o->md_update(m->outer, opad, block) > 0;
	m->size = (uint8_t)key_len;
	o->cleanse(ipad, sizeof ipad);
	o->cleanse(opad, sizeof opad);
	return ok;
}

/* `out` has room for 64 bytes. */
static bool mac_run(const struct esp *e, const uint8_t *p, size_t n, uint8_t *out)
{
	const struct ossl *o = e->o;
	const struct esp_mac *m = &e->mac;

	return o->md_copy(m->work, m->inner) > 0 && o->md_update(m->work, p, n) > 0 &&
	       o->md_final(m->work, out, NULL) > 0 && o->md_copy(m->work, m->outer) > 0 &&
	       o->md_update(m->work, out, m->size) > 0 && o->md_final(m->work, out, NULL) > 0;
}

const char *esp_init(struct esp *e, bool seal, const char *cipher, const char *integ, const uint8_t *key,
		     size_t key_len, const uint8_t *mac_key, size_t mac_key_len)
{
	size_t c = 0, m = 0;

	memset(e, 0, sizeof *e);
	e->o = ossl();
	while (c < COUNT(CIPHERS) && strcmp(CIPHERS[c].name, cipher))
		c++;
	while (m < COUNT(MACS) && strcmp(MACS[m].name, integ))
		m++;
	if (c == COUNT(CIPHERS))
		return "cipher: not known";
	if (m == COUNT(MACS) && strcmp(integ, "none"))
		return "integ: not known";
	e->aead = CIPHERS[c].icv != 0;
	if (e->aead != (m == COUNT(MACS)))
		return "integ: none exactly with AEAD ciphers";
	if (key_len != CIPHERS[c].key + (e->aead ? 4u : 0u))
		return "encr: wrong length for this cipher";
	if (mac_key_len != (e->aead ? 0u : MACS[m].key))
		return "integKey: wrong length for this integrity";
	e->iv = CIPHERS[c].iv;
	e->align = CIPHERS[c].align;
	e->icv = e->aead ? CIPHERS[c].icv : MACS[m].icv;
	if (e->aead)
		memcpy(e->salt, key + CIPHERS[c].key, 4);
	if (CIPHERS[c].ossl) {
		const void *evp = e->o->cipher_by_name(CIPHERS[c].ossl);

		e->cipher = evp ? e->o->cipher_new() : NULL;
		/*
		 * Padding is ours. It matters to libcrypto when it decrypts CBC, where it would keep back the last block; elsewhere
		 * the flag would only be set anew for each packet, at a tenth of the cost of GCM.
		 */
		if (!e->cipher || e->o->cipher_init(e->cipher, evp, NULL, key, NULL, seal) <= 0 ||
		    (!e->aead && !seal && e->o->cipher_padding(e->cipher, 0) <= 0)) {
			esp_clear(e);
			return "cipher: not in this libcrypto";
		}
	}
	if (!e->aead && !mac_init(e, MACS[m].ossl, mac_key, mac_key_len, MACS[m].block)) {
		esp_clear(e);
		return "integ: not in this libcrypto";
	}
	return NULL;
}

void esp_clear(struct esp *e)
{
	const struct ossl *o = e->o;

	if (!o)
		return;
	if (e->cipher)
		o->cipher_free(e->cipher); /* cleanses its key */
	if (e->mac.inner)
		o->md_free(e->mac.inner);
	if (e->mac.outer)
		o->md_free(e->mac.outer);
	if (e->mac.work)
		o->md_free(e->mac.work);
	o->cleanse(e, sizeof *e);
}

/* Random IVs for CBC, drawn many at a time for all SAs: each is handed out once. */
static bool random_iv(const struct esp *e, uint8_t *iv)
{
	static _Thread_local uint8_t pool[1024];
	static _Thread_local size_t left;

	if (left < e->iv) {
		if (e->o->random(pool, sizeof pool) <= 0)
			return false;
		left = sizeof pool;
	}
	left -= e->iv;
	memcpy(iv, pool + left, e->iv);
	return true;
}

/* RFC 4106 4: salt, then the IV of the wire. */
static void nonce(const struct esp *e, const uint8_t *iv, uint8_t out[12])
{
	memcpy(out, e->salt, 4);
	memcpy(out + 4, iv, 8);
}

uint8_t *esp_seal(struct esp *e, uint32_t spi, uint32_t seq, uint8_t next, uint8_t *p, size_t *len, size_t head,
		  size_t tail)
{
	const struct ossl *o = e->o;
	size_t before = 8u + e->iv;
	size_t pad = (e->align - (*len + 2) % e->align) % e->align;
	size_t text = *len + pad + 2;
	uint8_t *h, *icv;
	uint8_t digest[64], n12[12];
	int got;

	if (head < before || tail < pad + 2 + e->icv)
		return NULL;
	h = p - before;
	icv = p + text;
	for (size_t i = 0; i < pad; i++)
		p[*len + i] = (uint8_t)(i + 1);
	p[*len + pad] = (uint8_t)pad;
	p[*len + pad + 1] = next;
	wr32(h, spi);
	wr32(h + 4, seq);
	*len = before + text + e->icv;
	if (e->aead) {
		wr32(h + 8, 0);
		wr32(h + 12, seq); /* never repeats under one key: the SA ends with its sequence numbers */
		nonce(e, h + 8, n12);
		return o->cipher_init(e->cipher, NULL, NULL, NULL, n12, 1) > 0 &&
				       o->cipher_update(e->cipher, NULL, &got, h, 8) > 0 &&
				       o->cipher_update(e->cipher, p, &got, p, (int)text) > 0 &&
				       o->cipher_final(e->cipher, icv, &got) > 0 &&
				       o->cipher_ctrl(e->cipher, OSSL_GET_TAG, e->icv, icv) > 0 ?
			       h :
			       NULL;
	}
	if (e->cipher && (!random_iv(e, h + 8) || o->cipher_init(e->cipher, NULL, NULL, NULL, h + 8, 1) <= 0 ||
			  o->cipher_update(e->cipher, p, &got, p, (int)text) <= 0))
		return NULL;
	if (!mac_run(e, h, before + text, digest))
		return NULL;
	memcpy(icv, digest, e->icv);
	return h;
}

enum esp_result esp_open(struct esp *e, uint8_t *p, size_t len, uint8_t **out, size_t *out_len, uint8_t *next)
{
	const struct ossl *o = e->o;
	size_t before = 8u + e->iv, text, pad;
	uint8_t *body, *icv;
	uint8_t digest[64], n12[12];
	int got;

	if (len < before + e->icv + 2u)
		return ESP_SHORT;
	text = len - before - e->icv;
	if (text % e->align != 0)
		return ESP_SHORT;
	body = p + before;
	icv = body + text;
	if (e->aead) {
		nonce(e, p + 8, n12);
		if (o->cipher_init(e->cipher, NULL, NULL, NULL, n12, 0) <= 0 ||
		    o->cipher_ctrl(e->cipher, OSSL_SET_TAG, e->icv, icv) <= 0 ||
		    o->cipher_update(e->cipher, NULL, &got, p, 8) <= 0 ||
		    o->cipher_update(e->cipher, body, &got, body, (int)text) <= 0 ||
		    o->cipher_final(e->cipher, digest, &got) <= 0)
			return ESP_AUTH;
	} else {
		if (!mac_run(e, p, before + text, digest) || o->compare(digest, icv, e->icv))
			return ESP_AUTH;
		if (e->cipher && (o->cipher_init(e->cipher, NULL, NULL, NULL, p + 8, 0) <= 0 ||
				  o->cipher_update(e->cipher, body, &got, body, (int)text) <= 0))
			return ESP_AUTH;
	}
	pad = body[text - 2];
	if (pad + 2 > text)
		return ESP_PADDING;
	for (size_t i = 0; i < pad; i++) /* RFC 4303 2.4 */
		if (body[text - 2 - pad + i] != i + 1)
			return ESP_PADDING;
	*out = body;
	*out_len = text - 2 - pad;
	*next = body[text - 1];
	return ESP_OK;
}

bool replay_init(struct replay *r, uint32_t size)
{
	uint32_t words = 2;

	while (words * 32 < size + 32)
		words *= 2;
	r->top = 0;
	r->size = size;
	r->mask = words - 1;
	r->bits = calloc(words, sizeof *r->bits);
	return r->bits != NULL;
}

void replay_clear(struct replay *r)
{
	free(r->bits);
	r->bits = NULL;
}

bool replay_ok(const struct replay *r, uint32_t seq)
{
	if (seq == 0)
		return false;
	if (seq > r->top)
		return true;
	return r->top - seq < r->size && !(r->bits[(seq >> 5) & r->mask] >> (seq & 31) & 1);
}

void replay_mark(struct replay *r, uint32_t seq)
{
	if (seq > r->top) {
		uint32_t from = r->top >> 5, steps = (seq >> 5) - from;

		for (uint32_t i = 1; i <= steps && i <= r->mask + 1; i++)
			r->bits[(from + i) & r->mask] = 0;
		r->top = seq;
	}
	r->bits[(seq >> 5) & r->mask] |= 1u << (seq & 31);
}
