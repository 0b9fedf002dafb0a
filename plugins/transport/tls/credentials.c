#include "tls/credentials.h"

#include "tls/pem.h"
#include "tls/reason.h"
#include "tls/validity.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>

SSL_CTX *tls_credentials_new(bool listen)
{
    SSL_CTX *ctx = SSL_CTX_new(listen ? TLS_server_method() : TLS_client_method());
    if (!ctx)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);
    /* A certificate in tls.ca is trusted as it stands, also when it is not its own issuer. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
    return ctx;
}

/* ---- this end's certificate and key ------------------------------------------------------------------------------- */

/* The first is ours, the others lead to the authority. */
static bool use(SSL_CTX *ctx, STACK_OF(X509) * certificates, EVP_PKEY *key, struct tls_complaints *complaints)
{
    char why[128];
    X509 *own = sk_X509_value(certificates, 0);
    if (X509_check_private_key(own, key) != 1) {
        ERR_clear_error();
        tls_complain(complaints, "cert", "the private key does not belong to the certificate");
        return false;
    }
    STACK_OF(X509) *chain = sk_X509_dup(certificates);
    sk_X509_shift(chain);
    int done = SSL_CTX_use_cert_and_key(ctx, own, key, chain, 1);
    sk_X509_free(chain);
    if (done == 1)
        return true;
    tls_reason_of_queue(why, sizeof why);
    tls_complain(complaints, "cert", "cannot be used: %s", why);
    return false;
}

static void check_own(STACK_OF(X509) * certificates, struct tls_complaints *complaints)
{
    char what[48];
    for (int i = 0; i < sk_X509_num(certificates); i++) {
        snprintf(what, sizeof what, i ? "certificate number %d in it" : "the certificate", i + 1);
        tls_validity_check(sk_X509_value(certificates, i), "cert", what, complaints);
    }
}

static bool use_text(SSL_CTX *ctx, const char *certificate_text, const char *key_text, const char *key_option,
                     const char *password, struct tls_complaints *complaints)
{
    STACK_OF(X509) *certificates = tls_pem_certificates(certificate_text, "cert", complaints);
    EVP_PKEY *key = tls_pem_key(key_text, password, key_option, complaints);
    if (certificates)
        check_own(certificates, complaints);
    bool used = certificates && key && use(ctx, certificates, key, complaints);
    sk_X509_pop_free(certificates, X509_free);
    EVP_PKEY_free(key);
    return used;
}

bool tls_credentials_use(SSL_CTX *ctx, const char *certificates, const char *key, const char *password,
                         struct tls_complaints *complaints)
{
    return use_text(ctx, certificates, key, "key", password, complaints);
}

static void doubt_open_key(const char *path, struct tls_complaints *complaints)
{
    struct stat st;
    complaints->file = path;
    if (stat(path, &st) == 0 && st.st_mode & S_IROTH)
        tls_doubt(complaints, "every user of this host may read this private key (mode %03o)",
                  (unsigned)st.st_mode & 0777);
}

static void use_files(SSL_CTX *ctx, const struct tls_terms *terms, struct tls_complaints *complaints)
{
    bool apart = terms->key != terms->cert;
    complaints->file = terms->cert;
    char *certificates = tls_pem_read(terms->cert, "cert", complaints);
    char *key = apart ? tls_pem_read(terms->key, "key", complaints) : certificates;
    if (certificates && key)
        use_text(ctx, certificates, key, apart ? "key" : "cert", terms->key_password, complaints);
    if (key)
        doubt_open_key(terms->key, complaints);
    if (apart)
        tls_pem_free(key);
    tls_pem_free(certificates);
    complaints->file = NULL;
}

/* ---- whom it trusts ------------------------------------------------------------------------------------------------ */

bool tls_credentials_trust(SSL_CTX *ctx, const char *authorities, struct tls_complaints *complaints)
{
    STACK_OF(X509) *certificates = tls_pem_certificates(authorities, "ca", complaints);
    if (!certificates)
        return false;
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    for (int i = 0; i < sk_X509_num(certificates); i++) {
        X509_STORE_add_cert(store, sk_X509_value(certificates, i));
        SSL_CTX_add_client_CA(ctx, sk_X509_value(certificates, i)); /* so that a peer knows which of its own to show */
    }
    tls_validity_check_authorities(certificates, "ca", complaints);
    sk_X509_pop_free(certificates, X509_free);
    ERR_clear_error();
    return true;
}

static void trust_file(SSL_CTX *ctx, const struct tls_terms *terms, struct tls_complaints *complaints)
{
    complaints->file = terms->ca;
    char *authorities = tls_pem_read(terms->ca, "ca", complaints);
    if (authorities)
        tls_credentials_trust(ctx, authorities, complaints);
    tls_pem_free(authorities);
    complaints->file = NULL;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------- */

static void set_name(SSL_CTX *ctx, const struct tls_terms *terms, struct tls_complaints *complaints)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    bool set = terms->name[0] && (X509_VERIFY_PARAM_set1_ip_asc(param, terms->name) == 1 ||
                                  X509_VERIFY_PARAM_set1_host(param, terms->name, 0) == 1);
    ERR_clear_error();
    if (!set)
        tls_complain(complaints, "server_name", "is no host name and no address");
}

SSL_CTX *tls_credentials_load(const struct tls_terms *terms, struct tls_complaints *complaints)
{
    unsigned before = complaints->count;
    SSL_CTX *ctx = tls_credentials_new(terms->listen);
    if (!ctx) {
        ERR_clear_error();
        tls_complain(complaints, "cert", "there is no memory for TLS");
        return NULL;
    }
    if (terms->only_1_3)
        SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    if (terms->cert)
        use_files(ctx, terms, complaints);
    if (terms->ca)
        trust_file(ctx, terms, complaints);
    else if (terms->verify != TLS_VERIFY_NONE)
        SSL_CTX_set_default_verify_paths(ctx);
    if (terms->name)
        set_name(ctx, terms, complaints);
    ERR_clear_error();
    if (complaints->count == before)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}
