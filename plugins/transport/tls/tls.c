/* tls: TLS over TCP, and WebSocket over TLS, through OpenSSL. */
#include "common/sp_error.h"
#include "common/sp_peers.h"
#include "common/sp_socket.h"
#include "common/sp_start.h"
#include "common/sp_tcp.h"
#include "common/sp_ws.h"
#include "tls/context.h"
#include "tls/credentials.h"
#include "tls/engine.h"
#include "tls/reference.h"
#include "tls/roll.h"

#include <errno.h>
#include <leat/version.h>
#include <stdio.h>

struct options {
    struct tls_options tls;
    struct sp_tcp tcp;
    struct sp_reconnect reconnect;
    struct sp_ws ws;
};

static const struct leat_option rows[] = {
    TLS_ROWS(struct options),
    SP_TCP_ROWS(struct options),
    SP_RECONNECT_ROWS(struct options),
    SP_WS_ROWS(struct options),
};

/* ---- checking ----------------------------------------------------------------------------------------------------- */

static void blame(void *user, const char *option, const char *text)
{
    const struct leat_host *host = user;
    host->blame(host->context, option, text);
}

/* Several endpoints often have the same files: what was said of one is not said again. Checks are made on one thread. */
static bool is_new(const char *text)
{
    static uint64_t said[64];
    static size_t count;
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    for (size_t i = 0; i < count; i++)
        if (said[i] == hash)
            return false;
    if (count < sizeof said / sizeof said[0])
        said[count++] = hash;
    return true;
}

static void warn(void *user, const char *text)
{
    const struct leat_host *host = user;
    if (is_new(text))
        host->log(host->context, LEAT_LOG_WARNING, text);
}

static int32_t check(const struct leat_host *host, const struct leat_endpoint *endpoint)
{
    const struct options *options = endpoint->options;
    struct tls_complaints complaints = {.wrong = blame, .doubtful = warn, .user = (void *)host};
    struct tls_terms terms;
    int32_t error =
        sp_ws_is_url(endpoint->url) ? sp_ws_check(host, endpoint, &options->ws, "tls") : sp_tcp_check(host, endpoint);
    tls_terms_of(&terms, &options->tls, endpoint, &complaints);
    SSL_CTX_free(tls_credentials_load(&terms, &complaints));
    if (!endpoint->listen && sp_check_reconnect(host, &options->reconnect) != 0)
        error = -EINVAL;
    return error || complaints.count ? -EINVAL : 0;
}

/* ---- attaching ---------------------------------------------------------------------------------------------------- */

/* Stands in for the options while an endpoint is attached. */
struct tuning {
    const struct options *options;
    nng_tls_config *config;
};

static int tune_listener(nng_listener listener, const void *of)
{
    const struct tuning *tuning = of;
    int code = nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, tuning->config);
    return code ? code : sp_tcp_tune_listener(listener, &tuning->options->tcp);
}

static int tune_dialer(nng_dialer dialer, const void *of)
{
    const struct tuning *tuning = of;
    int code = nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, tuning->config);
    return code ? code : sp_tcp_tune_dialer(dialer, &tuning->options->tcp);
}

/* The first thing that is wrong becomes the explanation. */
struct first_wrong {
    char *explain;
    size_t size;
};

static void keep_first(void *user, const char *option, const char *text)
{
    struct first_wrong *first = user;
    if (first->explain)
        snprintf(first->explain, first->size, "tls.%s: %s", option, text);
    first->explain = NULL;
}

static struct tls_context *make_context(const struct leat_host *host, const struct leat_endpoint *endpoint,
                                        char *explain, size_t size)
{
    const struct options *options = endpoint->options;
    struct first_wrong first = {explain, size};
    struct tls_complaints complaints = {.wrong = keep_first, .user = &first};
    struct tls_terms terms;
    tls_terms_of(&terms, &options->tls, endpoint, &complaints);
    return complaints.count ? NULL : tls_context_new(&terms, host, &complaints);
}

static int32_t attach(uint64_t native, const struct leat_host *host, const struct leat_endpoint *endpoint,
                      char *explain, uint64_t explain_size)
{
    const struct options *options = endpoint->options;
    sp_start();
    if (tls_engine_start() != 0) {
        snprintf(explain, explain_size, "this plugin was built for another nng than %s, which is loaded",
                 nng_version());
        return -ENOTSUP;
    }
    sp_peers_name_by(tls_roll_find);
    struct tls_context *context = make_context(host, endpoint, explain, explain_size);
    if (!context)
        return -EINVAL;
    struct tuning tuning = {.options = options};
    int code = tls_engine_config(&tuning.config, context);
    tls_context_release(context); /* the configuration holds it now */
    if (code)
        return sp_explain(explain, explain_size, endpoint->url, code, NULL);
    struct leat_endpoint tuned = *endpoint;
    tuned.options = &tuning;
    const struct sp_attach attach = {
        .socket = {.id = (uint32_t)native},
        .endpoint = &tuned,
        .reconnect = &options->reconnect,
        .tune_listener = tune_listener,
        .tune_dialer = tune_dialer,
        .in_use = SP_TCP_IN_USE,
        .explain = explain,
        .explain_size = explain_size,
    };
    int32_t error = sp_ws_is_url(endpoint->url) ? sp_ws_attach(&attach, host, &options->ws) : sp_attach(&attach, host);
    nng_tls_config_free(tuning.config); /* the endpoint holds it now */
    return error;
}

static const struct leat_transport_ops ops = {
    SP_OPS,
    .schemes = "tls+tcp|tls+tcp4|tls+tcp6|wss|wss4|wss6",
    .check = check,
    .attach = attach,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .needs_minor = 0,
    .kind = LEAT_PLUGIN_TRANSPORT,
    .options_size = sizeof(struct options),
    .name = "tls",
    .version = LEAT_VERSION,
    .summary = "TLS 1.2 and 1.3 over TCP, and WebSocket over TLS, with OpenSSL",
    .reference = tls_reference,
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .transport = &ops,
};
