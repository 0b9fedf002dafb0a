#include "tls/names.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAME_BYTES 512

/* UTF-8 that moves a terminal's cursor (U+0080 to U+009F) or turns the direction of text (U+202A to U+202E, U+2066 to U+2069). */
static bool is_control(const unsigned char *text, size_t len)
{
    if (text[0] < ' ' || text[0] == 0x7f)
        return true;
    if (len >= 2 && text[0] == 0xc2)
        return text[1] < 0xa0;
    if (len >= 3 && text[0] == 0xe2)
        return (text[1] == 0x80 && text[2] >= 0xaa && text[2] <= 0xae) ||
               (text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9);
    return false;
}

static bool is_plain(const unsigned char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (is_control(text + i, len - i))
            return false;
    return len > 0 && len < NAME_BYTES;
}

static bool take_text(const ASN1_STRING *string, char *name)
{
    unsigned char *text = NULL;
    int len = ASN1_STRING_to_UTF8(&text, string);
    bool taken = len > 0 && is_plain(text, (size_t)len);
    if (taken) {
        memcpy(name, text, (size_t)len);
        name[len] = '\0';
    }
    OPENSSL_free(text);
    return taken;
}

static bool take_address(const ASN1_OCTET_STRING *bytes, char *name)
{
    int len = ASN1_STRING_length(bytes);
    if (len != 4 && len != 16)
        return false;
    return inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(bytes), name, NAME_BYTES) != NULL;
}

static bool take_alternative(const GENERAL_NAME *alternative, char *name)
{
    switch (alternative->type) {
    case GEN_DNS:
    case GEN_EMAIL:
    case GEN_URI:
        return take_text(alternative->d.ia5, name);
    case GEN_IPADD:
        return take_address(alternative->d.iPAddress, name);
    default:
        return false;
    }
}

bool tls_names_each(X509 *certificate, bool (*each)(const char *name, bool common, void *user), void *user)
{
    char name[NAME_BYTES];
    bool stop = false;
    const X509_NAME *subject = X509_get_subject_name(certificate);
    for (int at = -1; !stop && (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;)
        if (take_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), name))
            stop = each(name, true, user);
    GENERAL_NAMES *alternatives = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; !stop && i < sk_GENERAL_NAME_num(alternatives); i++)
        if (take_alternative(sk_GENERAL_NAME_value(alternatives, i), name))
            stop = each(name, false, user);
    GENERAL_NAMES_free(alternatives);
    ERR_clear_error();
    return stop;
}

static bool is_wanted(const char *name, bool common, void *user)
{
    (void)common;
    const char *const *wanted = user;
    for (; *wanted; wanted++)
        if (strcasecmp(*wanted, name) == 0)
            return true;
    return false;
}

bool tls_names_match(X509 *certificate, const char *const *wanted)
{
    return tls_names_each(certificate, is_wanted, (void *)wanted);
}

struct place {
    char *text;
    size_t size;
};

static bool keep(const char *name, bool common, void *user)
{
    const struct place *place = user;
    snprintf(place->text, place->size, common ? "CN=%s" : "%s", name);
    return true;
}

void tls_names_first(X509 *certificate, char *text, size_t size)
{
    struct place place = {text, size};
    text[0] = '\0';
    tls_names_each(certificate, keep, &place);
}
