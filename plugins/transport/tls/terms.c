#include "tls/terms.h"

#include "common/inet.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool is_address(const char *text)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static enum tls_verify verify_of(const struct tls_options *options, bool listen)
{
    if (options->verify != TLS_VERIFY_AUTO)
        return (enum tls_verify)options->verify;
    return !listen || options->ca ? TLS_VERIFY_REQUIRED : TLS_VERIFY_NONE;
}

/* Without a name nothing would be compared: what yields none is wrong. */
static void take_names(struct tls_terms *terms, const struct tls_options *options, const struct leat_endpoint *endpoint,
                       struct tls_complaints *complaints)
{
    char why[256];
    struct inet_address address;
    if (options->server_name && !options->server_name[0])
        tls_complain(complaints, "server_name", "is empty; leave it out where the URL's host is meant");
    if (endpoint->listen)
        return;
    if (inet_address_parse(&address, endpoint->url, false, why, sizeof why) != 0) {
        tls_complain(complaints, "dial", "%s", why);
        return;
    }
    snprintf(terms->host, sizeof terms->host, "%s", address.host);
    bool any = options->server_name && strcmp(options->server_name, "*") == 0;
    const char *name = options->server_name && !any ? options->server_name : terms->host;
    terms->name = any || terms->verify == TLS_VERIFY_NONE ? NULL : name;
    terms->sni = is_address(name) ? NULL : name;
}

/* "*" alone is everybody; an empty list would be nobody, and comes of a variable that is not set. */
static void take_allowed(struct tls_terms *terms, const struct tls_options *options, struct tls_complaints *complaints)
{
    const char *const *names = options->allow;
    if (!names || (names[0] && !names[1] && strcmp(names[0], "*") == 0))
        return;
    terms->allow = names;
    if (!names[0])
        tls_complain(complaints, "allow", "is empty, so nobody could connect; leave it out where everybody may");
    for (size_t i = 0; names[i]; i++)
        if (strcmp(names[i], "*") == 0)
            tls_complain(complaints, "allow", "'*' is everybody, so it stands alone");
}

static void check_names(const struct tls_terms *terms, const struct tls_options *options,
                        struct tls_complaints *complaints)
{
    if (terms->allow && terms->verify != TLS_VERIFY_REQUIRED)
        tls_complain(complaints, "allow",
                     terms->listen && options->verify == TLS_VERIFY_AUTO
                         ? "needs tls.ca: names count only in certificates that somebody vouches for"
                         : "needs tls.verify = required: a name counts only in a certificate that was verified");
    if (!terms->listen && options->server_name && strcmp(options->server_name, "*") == 0 && !options->ca)
        tls_complain(complaints, "server_name",
                     "'*' needs tls.ca: an authority that everybody trusts vouches for everybody");
    if (options->server_name && strlen(options->server_name) > 253)
        tls_complain(complaints, "server_name", "is longer than any host name (253 bytes)");
}

static void check_listener(const struct tls_terms *terms, const struct tls_options *options,
                           struct tls_complaints *complaints)
{
    if (!terms->cert)
        tls_complain(complaints, "cert", "must be set when listening: a TLS listener shows a certificate");
    if (terms->verify != TLS_VERIFY_NONE && !options->ca)
        tls_complain(complaints, "verify", "needs tls.ca when listening: it says whose certificates are valid");
}

void tls_terms_of(struct tls_terms *terms, const struct tls_options *options, const struct leat_endpoint *endpoint,
                  struct tls_complaints *complaints)
{
    bool listen = endpoint->listen != 0;
    *terms = (struct tls_terms){.listen = listen,
                                .cert = options->cert,
                                .key = options->key ? options->key : options->cert,
                                .key_password = options->key_password,
                                .ca = options->ca,
                                .verify = verify_of(options, listen),
                                .only_1_3 = options->min_version == 1};
    take_names(terms, options, endpoint, complaints);
    take_allowed(terms, options, complaints);
    check_names(terms, options, complaints);
    if (listen)
        check_listener(terms, options, complaints);
    if (options->key && !options->cert)
        tls_complain(complaints, "key", "is of no use without tls.cert");
    if (options->key_password && !options->cert)
        tls_complain(complaints, "key_password", "is of no use without tls.cert");
}
