#include "tls/context.h"

#include "tls/credentials.h"
#include "tls/names.h"
#include "tls/renewal.h"
#include "tls/validity.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

struct tls_context *tls_context_new_bare(bool listen)
{
    struct tls_context *context = calloc(1, sizeof *context);
    if (!context)
        return NULL;
    atomic_init(&context->references, 1);
    pthread_mutex_init(&context->lock, NULL);
    context->listen = listen;
    context->ctx = tls_credentials_new(listen);
    if (!context->ctx) {
        pthread_mutex_destroy(&context->lock);
        free(context);
        return NULL;
    }
    tls_context_verify(context, listen ? TLS_VERIFY_NONE : TLS_VERIFY_REQUIRED); /* as nng promises */
    return context;
}

struct tls_context *tls_context_hold(struct tls_context *context)
{
    atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    return context;
}

static void free_list(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

void tls_context_release(struct tls_context *context)
{
    /* Acquire and release: whoever is last sees all that the others did with it. */
    if (!context || atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) != 1)
        return;
    tls_renewal_stop(context->renewal);
    SSL_CTX_free(context->ctx);
    pthread_mutex_destroy(&context->lock);
    tls_failures_free(context->failures);
    free_list(context->allow);
    free(context->sni);
    free(context);
}

static bool is_allowed(const struct tls_context *context, X509 *certificate)
{
    return !context->allow || tls_names_match(certificate, (const char *const *)context->allow);
}

/* OpenSSL asks for each certificate of the chain, the peer's own last. */
static int judge(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    X509 *own = X509_STORE_CTX_get0_cert(store);
    if (good && X509_STORE_CTX_get_error_depth(store) == 0 &&
        !is_allowed(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)), own)) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        good = 0;
    }
    char *name = SSL_get_app_data(ssl);
    if (!good && name)
        tls_names_first(own, name, TLS_PEER_NAME_BYTES);
    return good;
}

static void demand(SSL_CTX *ctx, struct tls_context *context, enum tls_verify verify)
{
    static const int modes[] = {
        [TLS_VERIFY_NONE] = SSL_VERIFY_NONE,
        [TLS_VERIFY_OPTIONAL] = SSL_VERIFY_PEER,
        [TLS_VERIFY_REQUIRED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
    };
    SSL_CTX_set_app_data(ctx, context);
    SSL_CTX_set_verify(ctx, modes[verify], judge);
}

void tls_context_verify(struct tls_context *context, enum tls_verify verify)
{
    demand(context->ctx, context, verify);
}

SSL *tls_context_connect(struct tls_context *context)
{
    pthread_mutex_lock(&context->lock);
    SSL *ssl = SSL_new(context->ctx);
    pthread_mutex_unlock(&context->lock);
    return ssl;
}

void tls_context_replace(struct tls_context *context, SSL_CTX *ctx, enum tls_verify verify)
{
    demand(ctx, context, verify);
    pthread_mutex_lock(&context->lock);
    SSL_CTX *before = context->ctx;
    context->ctx = ctx;
    pthread_mutex_unlock(&context->lock);
    SSL_CTX_free(before); /* connections that have it keep it */
}

int64_t tls_context_expires_ns(struct tls_context *context)
{
    STACK_OF(X509) *chain = NULL;
    pthread_mutex_lock(&context->lock);
    int64_t first = tls_validity_until_ns(SSL_CTX_get0_certificate(context->ctx));
    SSL_CTX_get0_chain_certs(context->ctx, &chain);
    for (int i = 0; chain && i < sk_X509_num(chain); i++) {
        int64_t until = tls_validity_until_ns(sk_X509_value(chain, i));
        first = until < first ? until : first;
    }
    pthread_mutex_unlock(&context->lock);
    return first;
}

static char **copy_list(const char *const *list)
{
    size_t count = 0;
    while (list[count])
        count++;
    char **copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = strdup(list[i]);
        if (!copy[i]) {
            free_list(copy);
            return NULL;
        }
    }
    return copy;
}

struct tls_context *tls_context_new(const struct tls_terms *terms, const struct leat_host *host,
                                    struct tls_complaints *complaints)
{
    SSL_CTX *ctx = tls_credentials_load(terms, complaints);
    struct tls_context *context = ctx ? calloc(1, sizeof *context) : NULL;
    if (!context) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    atomic_init(&context->references, 1);
    pthread_mutex_init(&context->lock, NULL);
    context->ctx = ctx;
    context->host = host;
    context->listen = terms->listen;
    context->failures = tls_failures_new(host, terms->listen);
    context->allow = terms->allow ? copy_list(terms->allow) : NULL;
    context->sni = terms->sni ? strdup(terms->sni) : NULL;
    if ((terms->allow && !context->allow) || (terms->sni && !context->sni)) {
        tls_complain(complaints, "cert", "there is no memory for TLS");
        tls_context_release(context);
        return NULL;
    }
    tls_context_verify(context, terms->verify);
    context->renewal = tls_renewal_start(context, terms, host);
    return context;
}
