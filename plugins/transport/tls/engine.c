#include "tls/engine.h"

#include "tls/connection.h"
#include "tls/credentials.h"
#include "tls/names.h"

#include <assert.h>
#include <nng/nng.h>
#include <nng/supplemental/tls/engine.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HAS_PEER_NAMES (NNG_MINOR_VERSION >= 6)
#define HAS_SHARED_KEYS (NNG_MINOR_VERSION >= 9)

static_assert(NNG_MAJOR_VERSION == 1, "nng 2 has another engine interface");

struct nng_tls_engine_conn {
    struct tls_connection connection;
};

struct nng_tls_engine_config {
    struct tls_context *context;
    bool lent; /* complete as it is: nng's options do not change it */
};

/* What the next configuration that this thread makes is for. nng makes it inside of nng_tls_config_alloc. */
static _Thread_local struct tls_context *lent;

/* ---- connections ------------------------------------------------------------------------------------------------- */

static int conn_init(nng_tls_engine_conn *conn, void *connection, nng_tls_engine_config *config)
{
    return tls_connection_init(&conn->connection, connection, config->context);
}

static void conn_fini(nng_tls_engine_conn *conn)
{
    tls_connection_fini(&conn->connection);
}

static void conn_close(nng_tls_engine_conn *conn)
{
    tls_connection_close(&conn->connection);
}

static int conn_handshake(nng_tls_engine_conn *conn)
{
    return tls_connection_handshake(&conn->connection);
}

static int conn_recv(nng_tls_engine_conn *conn, uint8_t *data, size_t *len)
{
    return tls_connection_receive(&conn->connection, data, len);
}

static int conn_send(nng_tls_engine_conn *conn, const uint8_t *data, size_t *len)
{
    return tls_connection_send(&conn->connection, data, len);
}

static bool conn_verified(nng_tls_engine_conn *conn)
{
    return tls_connection_is_verified(&conn->connection);
}

#if HAS_PEER_NAMES
struct name_list {
    char **names; /* NULL-terminated once there is one */
    size_t count;
    bool common;
};

static bool collect(const char *name, bool common, void *user)
{
    struct name_list *list = user;
    if (common != list->common)
        return false;
    char **names = realloc(list->names, (list->count + 2) * sizeof *names);
    if (!names)
        return true;
    list->names = names;
    names[list->count] = strdup(name);
    names[list->count + 1] = NULL;
    return !names[list->count++];
}

static char **names_of(const nng_tls_engine_conn *conn, bool common)
{
    struct name_list list = {.common = common};
    X509 *peer = conn->connection.ssl ? SSL_get0_peer_certificate(conn->connection.ssl) : NULL;
    if (peer)
        tls_names_each(peer, collect, &list);
    return list.names;
}

/* nng, or its caller, frees what these return with free(). */
static char *conn_peer_cn(nng_tls_engine_conn *conn)
{
    char **names = names_of(conn, true);
    char *first = names ? names[0] : NULL;
    for (size_t i = 1; first && names[i]; i++)
        free(names[i]);
    free(names);
    return first;
}

static char **conn_peer_alt_names(nng_tls_engine_conn *conn)
{
    return names_of(conn, false);
}
#endif

static nng_tls_engine_conn_ops conn_ops = {
    .size = sizeof(nng_tls_engine_conn),
    .init = conn_init,
    .fini = conn_fini,
    .close = conn_close,
    .handshake = conn_handshake,
    .recv = conn_recv,
    .send = conn_send,
    .verified = conn_verified,
#if HAS_PEER_NAMES
    .peer_cn = conn_peer_cn,
    .peer_alt_names = conn_peer_alt_names,
#endif
};

/* ---- configurations ---------------------------------------------------------------------------------------------- */

static int config_init(nng_tls_engine_config *config, nng_tls_mode mode)
{
    config->lent = lent != NULL;
    config->context = lent ? tls_context_hold(lent) : tls_context_new_bare(mode == NNG_TLS_MODE_SERVER);
    ERR_clear_error();
    return config->context ? 0 : NNG_ENOMEM;
}

static void config_fini(nng_tls_engine_config *config)
{
    tls_context_release(config->context);
}

static int config_server(nng_tls_engine_config *config, const char *name)
{
    if (config->lent)
        return 0;
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(config->context->ctx);
    X509_VERIFY_PARAM_set1_ip(param, NULL, 0); /* nng has set the URL's host before */
    X509_VERIFY_PARAM_set1_host(param, NULL, 0);
    bool is_address = X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
    if (!is_address && X509_VERIFY_PARAM_set1_host(param, name, 0) != 1) {
        ERR_clear_error();
        return NNG_EINVAL;
    }
    ERR_clear_error();
    free(config->context->sni);
    config->context->sni = is_address ? NULL : strdup(name);
    return is_address || config->context->sni ? 0 : NNG_ENOMEM;
}

static int config_auth(nng_tls_engine_config *config, nng_tls_auth_mode mode)
{
    static const enum tls_verify verify[] = {
        [NNG_TLS_AUTH_MODE_NONE] = TLS_VERIFY_NONE,
        [NNG_TLS_AUTH_MODE_OPTIONAL] = TLS_VERIFY_OPTIONAL,
        [NNG_TLS_AUTH_MODE_REQUIRED] = TLS_VERIFY_REQUIRED,
    };
    if ((size_t)mode >= sizeof verify / sizeof verify[0])
        return NNG_EINVAL;
    if (!config->lent)
        tls_context_verify(config->context, verify[mode]);
    return 0;
}

/* nng has no room for a sentence. */
static void ignore(void *user, const char *option, const char *text)
{
    (void)user;
    (void)option;
    (void)text;
}

static int config_ca_chain(nng_tls_engine_config *config, const char *authorities, const char *revoked)
{
    struct tls_complaints complaints = {.wrong = ignore};
    if (revoked)
        return NNG_ENOTSUP; /* lists of revoked certificates are not looked at, so none is accepted */
    if (config->lent)
        return 0;
    return tls_credentials_trust(config->context->ctx, authorities, &complaints) ? 0 : NNG_ECRYPTO;
}

static int config_own_cert(nng_tls_engine_config *config, const char *certificates, const char *key,
                           const char *password)
{
    struct tls_complaints complaints = {.wrong = ignore};
    if (config->lent)
        return 0;
    return tls_credentials_use(config->context->ctx, certificates, key, password, &complaints) ? 0 : NNG_ECRYPTO;
}

static int config_version(nng_tls_engine_config *config, nng_tls_version oldest, nng_tls_version newest)
{
    if (oldest > newest)
        return NNG_EINVAL;
    if (newest < NNG_TLS_1_2)
        return NNG_ENOTSUP;
    if (config->lent)
        return 0;
    SSL_CTX_set_min_proto_version(config->context->ctx, oldest == NNG_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(config->context->ctx, newest == NNG_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    return 0;
}

#if HAS_SHARED_KEYS
static int config_psk(nng_tls_engine_config *config, const char *identity, const uint8_t *key, size_t len)
{
    (void)config;
    (void)identity;
    (void)key;
    (void)len;
    return NNG_ENOTSUP;
}
#endif

static nng_tls_engine_config_ops config_ops = {
    .size = sizeof(nng_tls_engine_config),
    .init = config_init,
    .fini = config_fini,
    .server = config_server,
    .auth = config_auth,
    .ca_chain = config_ca_chain,
    .own_cert = config_own_cert,
#if HAS_SHARED_KEYS
    .psk = config_psk,
#endif
    .version = config_version,
};

/* ---- the engine -------------------------------------------------------------------------------------------------- */

static const nng_tls_engine engine = {
    .version = NNG_TLS_ENGINE_VERSION,
    .config_ops = &config_ops,
    .conn_ops = &conn_ops,
    .name = "leat-openssl",
    .description = OPENSSL_VERSION_TEXT,
    .fips_mode = false,
};

/* The tables above grew in nng 1.6 and 1.9: nng reads as many members as it knows, whatever is there. */
static bool is_as_compiled(void)
{
    int minor = 0;
    if (sscanf(nng_version(), "1.%d", &minor) != 1)
        return false;
    return (minor >= 6) == HAS_PEER_NAMES && (minor >= 9) == HAS_SHARED_KEYS;
}

int tls_engine_start(void)
{
    if (strcmp(nng_tls_engine_name(), engine.name) == 0) /* asking starts nng, which would forget what came before */
        return 0;
    return is_as_compiled() ? nng_tls_engine_register(&engine) : NNG_ENOTSUP;
}

int tls_engine_config(nng_tls_config **config, struct tls_context *context)
{
    lent = context;
    int code = nng_tls_config_alloc(config, context->listen ? NNG_TLS_MODE_SERVER : NNG_TLS_MODE_CLIENT);
    lent = NULL;
    return code;
}
