/* What an endpoint presents, demands and permits: its options, with the defaults of its direction worked out. */
#ifndef LEAT_TLS_TERMS_H
#define LEAT_TLS_TERMS_H

#include "tls/complaint.h"

#include <leat/plugin/option.h>
#include <leat/plugin/transport.h>

#include <stdbool.h>

struct tls_options {
    const char *cert, *key, *key_password, *ca, *server_name;
    const char *const *allow;
    uint32_t verify;      /* enum tls_verify */
    uint32_t min_version; /* 0: TLS 1.2, 1: 1.3 */
};

enum tls_verify { TLS_VERIFY_AUTO, TLS_VERIFY_NONE, TLS_VERIFY_OPTIONAL, TLS_VERIFY_REQUIRED };

/* Rows of an options struct whose member `tls` is a struct tls_options. */
#define TLS_ROWS(structure)                                                                                            \
    LEAT_OPTION(structure, tls.cert, "cert", LEAT_OPTION_PATH, NULL,                                                   \
                "PEM file with this end's certificate, and after it those that lead to its authority. Needed when "    \
                "listening; when dialling, only where the listener asks for one."),                                    \
        LEAT_OPTION(structure, tls.key, "key", LEAT_OPTION_PATH, NULL,                                                 \
                    "PEM file with the private key of that certificate. Not set: it is in the same file."),            \
        LEAT_OPTION_FULL(structure, tls.key_password, "key_password", LEAT_OPTION_TEXT, LEAT_OPTION_SECRET, NULL, 0,   \
                         0, NULL, "Pass phrase of an encrypted key, best as ${file:PATH} or ${env:NAME}."),            \
        LEAT_OPTION(structure, tls.ca, "ca", LEAT_OPTION_PATH, NULL,                                                   \
                    "PEM file with the certificates of the authorities, or of the very peers, that are trusted. When " \
                    "listening, peers must then show a certificate (see tls.verify). Not set: nobody when listening, " \
                    "the authorities that this host trusts when dialling."),                                           \
        LEAT_OPTION_CHOICES(structure, tls.verify, "verify", "auto", "auto|none|optional|required",                    \
                            "What is asked of the peer's certificate. required: it must show a valid one. optional: "  \
                            "it may show none, but what it shows must be valid. none: nothing is looked at. auto: "    \
                            "required when dialling, and when listening with tls.ca; otherwise none."),                \
        LEAT_OPTION(structure, tls.server_name, "server_name", LEAT_OPTION_TEXT, NULL,                                 \
                    "When dialling: the name or address that the listener's certificate must be made for, and the "    \
                    "name that it is asked for (SNI). Not set: the URL's host. *: any name, for certificates that "    \
                    "tls.ca vouches for."),                                                                            \
        LEAT_OPTION(structure, tls.allow, "allow", LEAT_OPTION_LIST, "*",                                              \
                    "Names of the peers that may connect, separated by commas: one of them must be in the peer's "     \
                    "certificate, as its common name (CN) or a subject alternative name (a DNS name, an address, an "  \
                    "e-mail address or a URI). *: everybody whose certificate is valid."),                             \
        LEAT_OPTION_CHOICES(structure, tls.min_version, "min_version", "1.2", "1.2|1.3",                               \
                            "The oldest version of TLS that is spoken. nng programs before nng 1.9 have 1.2 only.")

struct tls_terms {
    bool listen;
    const char *cert, *key, *key_password; /* key: never NULL when cert is not */
    const char *ca;
    const char *const *allow; /* NULL: everybody */
    const char *name;         /* that the peer's certificate must have; NULL: any, and always when listening */
    const char *sni;          /* NULL: none is sent */
    enum tls_verify verify;   /* not AUTO */
    bool only_1_3;
    char host[256]; /* of the URL */
};

/* Works them out for one endpoint; `terms` points into `options` and itself. Complains about options that contradict each
 * other. */
void tls_terms_of(struct tls_terms *terms, const struct tls_options *options, const struct leat_endpoint *endpoint,
                  struct tls_complaints *complaints);

#endif
