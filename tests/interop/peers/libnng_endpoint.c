#include "libnng_endpoint.h"

#include <nng/supplemental/tls/tls.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *what, const char *why)
{
    fprintf(stderr, "libnng peer: %s: %s\n", what, why);
    exit(1);
}

void must(const char *what, int code)
{
    if (code != 0)
        die(what, nng_strerror(code));
}

struct told told(int argc, char **argv)
{
    static const struct option options[] = {
        {"topic", required_argument, NULL, 't'},       {"name", required_argument, NULL, 'n'},
        {"cert", required_argument, NULL, 'c'},        {"ca", required_argument, NULL, 'a'},
        {"server-name", required_argument, NULL, 's'}, {0},
    };
    struct told told = {.topic = ""};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        const char **where = option == 't'   ? &told.topic
                             : option == 'n' ? &told.name
                             : option == 'c' ? &told.cert
                             : option == 'a' ? &told.ca
                             : option == 's' ? &told.server_name
                                             : NULL;
        if (!where)
            exit(2);
        *where = optarg;
    }
    if (argc - optind != 3 || (strcmp(argv[optind + 1], "listen") != 0 && strcmp(argv[optind + 1], "dial") != 0))
        die("arguments", "expected: ROLE listen|dial URL [options]");
    told.role = argv[optind];
    told.listen = strcmp(argv[optind + 1], "listen") == 0;
    told.url = argv[optind + 2];
    return told;
}

/* NULL where no certificate is in play. */
static nng_tls_config *security(const struct told *told)
{
    nng_tls_config *config;
    if (!told->cert && !told->ca)
        return NULL;
    must("tls", nng_tls_config_alloc(&config, told->listen ? NNG_TLS_MODE_SERVER : NNG_TLS_MODE_CLIENT));
    must("tls", nng_tls_config_auth_mode(config, told->ca ? NNG_TLS_AUTH_MODE_REQUIRED : NNG_TLS_AUTH_MODE_NONE));
    if (told->cert)
        must("certificate", nng_tls_config_cert_key_file(config, told->cert, NULL));
    if (told->ca)
        must("authority", nng_tls_config_ca_file(config, told->ca));
    if (told->server_name)
        must("server name", nng_tls_config_server_name(config, told->server_name));
    return config;
}

void start_endpoint(nng_socket socket, const struct told *told)
{
    nng_tls_config *config = security(told);
    nng_listener listener;
    nng_dialer dialer;
    if (told->listen) {
        must("listen", nng_listener_create(&listener, socket, told->url));
        if (config)
            must("tls", nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, config));
        must("listen", nng_listener_start(listener, 0));
        return;
    }
    must("dial", nng_dialer_create(&dialer, socket, told->url));
    if (config)
        must("tls", nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config));
    must("dial", nng_dialer_start(dialer, NNG_FLAG_NONBLOCK));
}
