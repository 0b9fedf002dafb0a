#include "tls/reason.h"

#include <openssl/err.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void take_text(unsigned long error, char *text, size_t size)
{
    const char *reason = ERR_reason_error_string(error);
    if (error && ERR_SYSTEM_ERROR(error))
        snprintf(text, size, "%s", strerror(ERR_GET_REASON(error)));
    else if (reason)
        snprintf(text, size, "%s", reason);
    else
        snprintf(text, size, "OpenSSL error %lx", error);
}

void tls_reason_of_queue(char *text, size_t size)
{
    take_text(ERR_peek_error(), text, size);
    ERR_clear_error();
}

/* What OpenSSL calls by the name of the check that failed, in words that say what the peer is. */
static const struct {
    int reason;
    const char *text;
} plain[] = {
    {SSL_R_WRONG_VERSION_NUMBER, "what it sends is not TLS"},
    {SSL_R_HTTP_REQUEST, "it speaks HTTP without TLS"},
    {SSL_R_HTTPS_PROXY_REQUEST, "it takes this for an HTTP proxy"},
    {SSL_R_UNEXPECTED_MESSAGE, "what it sends is not TLS, or out of order"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "it has no version of TLS that is allowed here"},
    {SSL_R_NO_SHARED_CIPHER, "it shares no cipher with this end"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "it has shown no certificate"},
};

/* An alert is what the peer says of us: its reason codes are 1000 and the alert's number. */
static void take_alert(int reason, char *text, size_t size)
{
    bool lacks_certificate = reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED; /* OpenSSL has no words for it */
    snprintf(text, size, "it refuses this end: %s",
             lacks_certificate ? "certificate required" : SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
}

static void take_connection_error(unsigned long error, char *text, size_t size)
{
    int reason = ERR_GET_REASON(error);
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET) {
        take_alert(reason, text, size);
        return;
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (ERR_GET_LIB(error) == ERR_LIB_SSL && plain[i].reason == reason) {
            snprintf(text, size, "%s", plain[i].text);
            return;
        }
    }
    take_text(error, text, size);
}

void tls_reason_of_connection(SSL *ssl, char *text, size_t size)
{
    long verified = SSL_get_verify_result(ssl);
    unsigned long error = ERR_peek_error();
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED &&
        verified != X509_V_OK)
        snprintf(text, size, "its certificate is refused: %s",
                 verified == X509_V_ERR_APPLICATION_VERIFICATION ? "none of its names is in tls.allow"
                                                                 : X509_verify_cert_error_string(verified));
    else
        take_connection_error(error, text, size);
    ERR_clear_error();
}
