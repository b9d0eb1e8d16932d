#define _GNU_SOURCE
#include "tls.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of OpenSSL's headers, which are not needed to build: the same in 1.1.1 and 3. */
enum {
	CTRL_EXTRA_CHAIN_CERT = 14,
	CTRL_SESS_CACHE_MODE = 44,
	CTRL_SERVER_NAME = 55,
	CTRL_MIN_PROTO_VERSION = 123,
	TLS1_2 = 0x0303,
	VERIFY_PEER = 1,
	ERROR_WANT_READ = 2,
	ERROR_ZERO_RETURN = 6,
	ALERT_REASONS = 1000,
	V_OK = 0,
	V_INVALID_PURPOSE = 26,
};
#define XKU_SSL_SERVER 1u
#define XKU_NONE UINT32_MAX /* the certificate has no Extended Key Usage */
#define CHECK_NO_PARTIAL_WILDCARDS 0x4u
#define CHECK_NEVER_SUBJECT 0x20u
#define OP_NO_TICKET 0x4000u
#define OP_NO_COMPRESSION 0x20000u
#define OP_NO_RENEGOTIATION 0x40000000u
#define MOST_CERTS 64

static struct {
	unsigned long (*version_num)(void);
	void *(*method)(void);
	void *(*ctx_new)(const void *method);
	void (*ctx_free)(void *);
	long (*ctx_ctrl)(void *, int cmd, long n, void *p);
	void *ctx_set_options;
	void (*ctx_set_verify)(void *, int mode, int (*callback)(int ok, void *store_ctx));
	void *(*ctx_store)(const void *);
	int (*ctx_use_cert)(void *, void *cert);
	int (*ctx_use_key)(void *, void *key);
	int (*ctx_check_key)(const void *);
	void *(*ssl_new)(void *ctx);
	void (*ssl_free)(void *);
	void (*ssl_set_bio)(void *, void *in, void *out);
	void (*ssl_connect)(void *);
	long (*ssl_ctrl)(void *, int cmd, long n, void *p);
	int (*ssl_handshake)(void *);
	int (*ssl_read)(void *, void *into, int n);
	int (*ssl_write)(void *, const void *data, int n);
	int (*ssl_shutdown)(void *);
	int (*ssl_error)(const void *, int r);
	void *(*ssl_param)(void *);
	long (*ssl_verify_result)(const void *);
	int (*ssl_version)(const void *);
	int (*ssl_export)(void *, uint8_t *out, size_t n, const char *label, size_t len, const uint8_t *context,
			  size_t context_len, int use);
	void *(*bio_new)(const void *method);
	const void *(*bio_mem)(void);
	void *(*bio_of)(const void *data, int n);
	int (*bio_free)(void *);
	int (*bio_read)(void *, void *into, int n);
	int (*bio_write)(void *, const void *data, int n);
	void *(*pem_cert)(void *bio, void **, void *callback, void *);
	void *(*pem_key)(void *bio, void **, void *callback, void *);
	void (*cert_free)(void *);
	void (*key_free)(void *);
	int (*store_add)(void *, void *cert);
	int (*param_host)(void *, const char *name, size_t n);
	int (*param_ip)(void *, const char *ip);
	void (*param_hostflags)(void *, unsigned flags);
	int (*check_depth)(const void *store_ctx);
	void *(*check_cert)(const void *store_ctx);
	void (*check_error)(void *store_ctx, int error);
	uint32_t (*cert_xku)(void *cert);
	const char *(*verify_words)(long);
	unsigned long (*err_last)(void);
	void (*err_clear)(void);
	const char *(*err_reason)(unsigned long);
} lib;

static bool load(void *from)
{
	static const char *const names[] = {
		"OpenSSL_version_num",
		"TLS_client_method",
		"SSL_CTX_new",
		"SSL_CTX_free",
		"SSL_CTX_ctrl",
		"SSL_CTX_set_options",
		"SSL_CTX_set_verify",
		"SSL_CTX_get_cert_store",
		"SSL_CTX_use_certificate",
		"SSL_CTX_use_PrivateKey",
		"SSL_CTX_check_private_key",
		"SSL_new",
		"SSL_free",
		"SSL_set_bio",
		"SSL_set_connect_state",
		"SSL_ctrl",
		"SSL_do_handshake",
		"SSL_read",
		"SSL_write",
		"SSL_shutdown",
		"SSL_get_error",
		"SSL_get0_param",
		"SSL_get_verify_result",
		"SSL_version",
		"SSL_export_keying_material",
		"BIO_new",
		"BIO_s_mem",
		"BIO_new_mem_buf",
		"BIO_free",
		"BIO_read",
		"BIO_write",
		"PEM_read_bio_X509",
		"PEM_read_bio_PrivateKey",
		"X509_free",
		"EVP_PKEY_free",
		"X509_STORE_add_cert",
		"X509_VERIFY_PARAM_set1_host",
		"X509_VERIFY_PARAM_set1_ip_asc",
		"X509_VERIFY_PARAM_set_hostflags",
		"X509_STORE_CTX_get_error_depth",
		"X509_STORE_CTX_get_current_cert",
		"X509_STORE_CTX_set_error",
		"X509_get_extended_key_usage",
		"X509_verify_cert_error_string",
		"ERR_peek_last_error",
		"ERR_clear_error",
		"ERR_reason_error_string",
	};

	_Static_assert(sizeof names / sizeof *names == sizeof lib / sizeof(void *), "a name for every function");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		void *f = dlsym(from, names[i]);

		if (!f)
			return false;
		memcpy((char *)&lib + i * sizeof f, &f, sizeof f);
	}
	return true;
}

bool tt_tls_have(void)
{
	static const char *const names[] = { "libssl.so.3", "libssl.so.1.1" };
	static int found = -1;

	if (found < 0) {
		found = load(RTLD_DEFAULT);
		/* A process with an OpenSSL of its own gets no second one: that would call the first. */
		for (size_t i = 0;
		     !found && !dlsym(RTLD_DEFAULT, "OpenSSL_version_num") && i < sizeof names / sizeof *names; i++) {
			void *so = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);

			found = so && load(so);
			if (so && !found)
				dlclose(so);
		}
	}
	return found;
}

struct tt_tls {
	void *ctx, *ssl, *in, *out; /* the BIOs are the SSL's */
	enum tt_tls_state state;
	bool stream;
	char why[TT_TLS_WORDS];
};

/* A key with a passphrase is refused; the default would ask for it on the terminal. */
static int no_passphrase(char *into, int room, int writing, void *more)
{
	(void)into, (void)room, (void)writing, (void)more;
	return -1;
}

static void set_options(void *ctx)
{
	unsigned options = OP_NO_TICKET | OP_NO_COMPRESSION | OP_NO_RENEGOTIATION;

	if (lib.version_num() >= 0x30000000ul) { /* the argument grew */
		uint64_t (*f)(void *, uint64_t);

		memcpy(&f, &lib.ctx_set_options, sizeof f);
		f(ctx, options);
	} else {
		unsigned long (*f)(void *, unsigned long);

		memcpy(&f, &lib.ctx_set_options, sizeof f);
		f(ctx, options);
	}
}

/* Certificates of `pem`: into the store when `trusted`, else ours and those between it and its CA. How many. */
static int add_certs(void *ctx, const uint8_t *pem, size_t n, bool trusted)
{
	void *bio = lib.bio_of(pem, (int)n), *cert;
	int count = 0;

	while (bio && count < MOST_CERTS && (cert = lib.pem_cert(bio, NULL, no_passphrase, NULL))) {
		bool ok, keep = false;

		if (trusted) {
			ok = lib.store_add(lib.ctx_store(ctx), cert) == 1;
		} else if (count == 0) {
			ok = lib.ctx_use_cert(ctx, cert) == 1;
		} else {
			ok = lib.ctx_ctrl(ctx, CTRL_EXTRA_CHAIN_CERT, 0, cert) == 1;
			keep = ok;
		}
		if (!keep)
			lib.cert_free(cert);
		if (!ok) {
			count = 0;
			break;
		}
		count++;
	}
	if (bio)
		lib.bio_free(bio);
	lib.err_clear(); /* the end of the file is an error to PEM_read */
	return count;
}

static bool use_key(void *ctx, const uint8_t *pem, size_t n)
{
	void *bio = lib.bio_of(pem, (int)n), *key = bio ? lib.pem_key(bio, NULL, no_passphrase, NULL) : NULL;
	bool ok = key && lib.ctx_use_key(ctx, key) == 1;

	if (key)
		lib.key_free(key);
	if (bio)
		lib.bio_free(bio);
	return ok;
}

/*
 * The server's own certificate must be for a server: where it says what it is for, TLS server authentication (RFC 5280
 * §4.2.1.12) is in the list. One that says nothing may be any client's, so that is enough only when the name is checked
 * as well.
 */
static int for_server(int ok, void *store_ctx, bool named)
{
	void *cert;
	uint32_t use;

	if (!ok || lib.check_depth(store_ctx))
		return ok;
	cert = lib.check_cert(store_ctx);
	use = cert ? lib.cert_xku(cert) : 0;
	if (use == XKU_NONE ? named : (use & XKU_SSL_SERVER) != 0)
		return ok;
	lib.check_error(store_ctx, V_INVALID_PURPOSE);
	return 0;
}
static int verify_named(int ok, void *store_ctx)
{
	return for_server(ok, store_ctx, true);
}
static int verify_any(int ok, void *store_ctx)
{
	return for_server(ok, store_ctx, false);
}

static const char *configure(struct tt_tls *t, const char *name)
{
	void *param;

	t->ssl = lib.ssl_new(t->ctx);
	t->in = lib.bio_new(lib.bio_mem());
	t->out = lib.bio_new(lib.bio_mem());
	if (!t->ssl || !t->in || !t->out) {
		if (t->in)
			lib.bio_free(t->in);
		if (t->out)
			lib.bio_free(t->out);
		return "no memory";
	}
	lib.ssl_set_bio(t->ssl, t->in, t->out);
	lib.ssl_connect(t->ssl);
	param = lib.ssl_param(t->ssl);
	/* A name counts where it is a subjectAltName (RFC 9525 §6.3), and "*" only as a whole label. */
	lib.param_hostflags(param, CHECK_NEVER_SUBJECT | CHECK_NO_PARTIAL_WILDCARDS);
	if (!name || lib.param_ip(param, name) == 1)
		return NULL;
	if (lib.param_host(param, name, 0) != 1)
		return "server name: OpenSSL does not take it";
	if (t->stream) /* RFC 6066 section 3: a proxy may have several */
		lib.ssl_ctrl(t->ssl, CTRL_SERVER_NAME, 0, (void *)name);
	return NULL;
}

static const char *prepare(struct tt_tls *t, const uint8_t *ca, size_t ca_len, const uint8_t *cert, size_t cert_len,
			   const uint8_t *key, size_t key_len, const char *name)
{
	t->ctx = lib.ctx_new(lib.method());
	if (!t->ctx || lib.ctx_ctrl(t->ctx, CTRL_MIN_PROTO_VERSION, TLS1_2, NULL) != 1)
		return "no memory";
	set_options(t->ctx);
	lib.ctx_ctrl(t->ctx, CTRL_SESS_CACHE_MODE, 0, NULL);
	lib.ctx_set_verify(t->ctx, VERIFY_PEER, name ? verify_named : verify_any);
	if (!add_certs(t->ctx, ca, ca_len, true))
		return "ca: holds no certificate in PEM";
	if (!add_certs(t->ctx, cert, cert_len, false))
		return "cert: holds no certificate in PEM that can be used";
	if (!use_key(t->ctx, key, key_len))
		return "key: holds no private key in PEM without a passphrase, or not that of the certificate";
	if (lib.ctx_check_key(t->ctx) != 1)
		return "key: is not that of the certificate";
	return configure(t, name);
}

struct tt_tls *tt_tls_new(const uint8_t *ca, size_t ca_len, const uint8_t *cert, size_t cert_len, const uint8_t *key,
			  size_t key_len, const char *name, bool stream, char why[TT_TLS_WORDS])
{
	struct tt_tls *t = calloc(1, sizeof *t);
	const char *wrong = "no memory";

	if (t) {
		lib.err_clear();
		t->stream = stream;
		wrong = prepare(t, ca, ca_len, cert, cert_len, key, key_len, name);
		lib.err_clear();
	}
	if (!wrong)
		return t;
	snprintf(why, TT_TLS_WORDS, "%s", wrong);
	if (t)
		tt_tls_free(t);
	return NULL;
}

void tt_tls_free(struct tt_tls *t)
{
	if (t->ssl)
		lib.ssl_free(t->ssl);
	if (t->ctx)
		lib.ctx_free(t->ctx);
	free(t);
}

static enum tt_tls_state failed(struct tt_tls *t)
{
	unsigned long e = lib.err_last(), reason = e & (lib.version_num() >= 0x30000000ul ? 0x7fffff : 0xfff);
	long verdict = lib.ssl_verify_result(t->ssl);
	const char *words = verdict != V_OK ? lib.verify_words(verdict) : lib.err_reason(e);

	snprintf(t->why, sizeof t->why, "%s", words ? words : "unknown error");
	lib.err_clear();
	if (verdict != V_OK)
		return TT_TLS_DISTRUST;
	return reason >= ALERT_REASONS && reason < ALERT_REASONS + 256 ? TT_TLS_ALERT : TT_TLS_BROKEN;
}

static enum tt_tls_state after(struct tt_tls *t)
{
	uint8_t said[16];
	int n = lib.ssl_read(t->ssl, said, sizeof said);

	if (n == 1 && !said[0] && t->state == TT_TLS_DONE)
		return TT_TLS_CONFIRMED;
	if (n > 0) {
		snprintf(t->why, sizeof t->why, "data after the handshake");
		return TT_TLS_BROKEN;
	}
	n = lib.ssl_error(t->ssl, n);
	return n == ERROR_WANT_READ || n == ERROR_ZERO_RETURN ? t->state : failed(t);
}

enum tt_tls_state tt_tls_step(struct tt_tls *t, const uint8_t *in, size_t n)
{
	if (t->state > TT_TLS_CONFIRMED)
		return t->state;
	lib.err_clear();
	if (n && lib.bio_write(t->in, in, (int)n) != (int)n) {
		snprintf(t->why, sizeof t->why, "no memory");
		return t->state = TT_TLS_BROKEN;
	}
	if (t->state == TT_TLS_GOING) {
		int r = lib.ssl_handshake(t->ssl);

		if (r != 1)
			return t->state = lib.ssl_error(t->ssl, r) == ERROR_WANT_READ ? TT_TLS_GOING : failed(t);
		t->state = TT_TLS_DONE;
	}
	return t->state = t->stream ? t->state : after(t);
}

static int over(struct tt_tls *t, int r)
{
	if (lib.ssl_error(t->ssl, r) == ERROR_ZERO_RETURN) {
		snprintf(t->why, sizeof t->why, "closed");
		t->state = TT_TLS_BROKEN;
	} else {
		t->state = failed(t);
	}
	return -1;
}

int tt_tls_read(struct tt_tls *t, uint8_t *into, size_t room)
{
	int n;

	if (t->state != TT_TLS_DONE)
		return -1;
	lib.err_clear();
	n = lib.ssl_read(t->ssl, into, (int)room);
	if (n > 0 || lib.ssl_error(t->ssl, n) == ERROR_WANT_READ)
		return n > 0 ? n : 0;
	return over(t, n);
}

int tt_tls_write(struct tt_tls *t, const uint8_t *data, size_t n)
{
	int r;

	if (t->state != TT_TLS_DONE)
		return -1;
	lib.err_clear();
	r = n ? lib.ssl_write(t->ssl, data, (int)n) : (lib.ssl_shutdown(t->ssl), 1);
	return r > 0 ? 0 : over(t, r);
}

size_t tt_tls_output(struct tt_tls *t, uint8_t *into, size_t room)
{
	int n = lib.bio_read(t->out, into, (int)room);

	return n > 0 ? (size_t)n : 0;
}

const char *tt_tls_why(const struct tt_tls *t)
{
	return t->why;
}

int tt_tls_version(const struct tt_tls *t)
{
	return lib.ssl_version(t->ssl);
}

bool tt_tls_export(struct tt_tls *t, const char *label, const uint8_t *context, size_t context_len, uint8_t *into,
		   size_t n)
{
	if (t->state != TT_TLS_DONE && t->state != TT_TLS_CONFIRMED)
		return false;
	return lib.ssl_export(t->ssl, into, n, label, strlen(label), context, context_len, context != NULL) == 1;
}
