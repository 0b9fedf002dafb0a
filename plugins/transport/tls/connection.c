#include "tls/connection.h"

#include "common/sp_address.h"
#include "tls/leave.h"
#include "tls/names.h"
#include "tls/reason.h"

#include <arpa/inet.h>
#include <nng/nng.h>
#include <openssl/err.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)
#define PATIENCE_NS (9 * NS_PER_S)  /* nng gives a handshake over tls+tcp 10 s */
#define DEADLINE_NS (11 * NS_PER_S) /* for any other */

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- who it is --------------------------------------------------------------------------------------------------- */

/* The engine is given nng's connection as an opaque pointer. In every nng 1.x that has engines it is one of nng's streams, and
 * what it is asked here it passes on to the TCP stream below it. False when that is not connected (any more). */
static bool address_of(void *connection, nng_sockaddr *address)
{
    return nng_stream_get_addr(connection, NNG_OPT_REMADDR, address) == 0;
}

static void write_address(const nng_sockaddr *address, char *text, size_t size)
{
    const char *written = NULL;
    if (address->s_family == NNG_AF_INET)
        written = inet_ntop(AF_INET, &address->s_in.sa_addr, text, (socklen_t)size);
    else if (address->s_family == NNG_AF_INET6)
        written = inet_ntop(AF_INET6, address->s_in6.sa_addr, text, (socklen_t)size);
    if (!written)
        snprintf(text, size, "a peer");
}

static void report(struct tls_connection *self, const char *reason)
{
    tls_failures_note(self->context->failures, self->peer, reason, self->refused);
}

/* ---- coming and going -------------------------------------------------------------------------------------------- */

/* Bytes that came before the end are still on their way when it is first seen to be down, but not a second later. */
static bool is_over(struct tls_watched *watched)
{
    struct tls_connection *self = (struct tls_connection *)((char *)watched - offsetof(struct tls_connection, watched));
    nng_sockaddr address;
    if (!atomic_load_explicit(&self->established, memory_order_relaxed) && now_ns() - self->since_ns > DEADLINE_NS) {
        atomic_store_explicit(&self->doomed, NNG_ETIMEDOUT, memory_order_relaxed);
        return true;
    }
    bool fell_before = self->fallen;
    self->fallen =
        atomic_load_explicit(&self->waiting, memory_order_relaxed) && !address_of(self->wire.connection, &address);
    if (!self->fallen || !fell_before)
        return false;
    atomic_store_explicit(&self->doomed, NNG_ECONNSHUT, memory_order_relaxed);
    return true;
}

int tls_connection_init(struct tls_connection *self, void *connection, struct tls_context *context)
{
    nng_sockaddr address = {0};
    self->context = tls_context_hold(context);
    self->wire.connection = connection;
    self->since_ns = now_ns();
    address_of(connection, &address);
    write_address(&address, self->peer, sizeof self->peer);
    if (address.s_family == NNG_AF_INET || address.s_family == NNG_AF_INET6)
        sp_address_write(&address, self->rolled.address, sizeof self->rolled.address);
    self->ssl = tls_context_connect(context);
    BIO *bio = self->ssl ? tls_wire_bio(&self->wire) : NULL;
    if (!bio) {
        ERR_clear_error();
        return NNG_ENOMEM;
    }
    SSL_set_bio(self->ssl, bio, bio);
    SSL_set_app_data(self->ssl, self->refused);
    if (context->listen)
        SSL_set_accept_state(self->ssl);
    else
        SSL_set_connect_state(self->ssl);
    if (context->sni)
        SSL_set_tlsext_host_name(self->ssl, context->sni);
    self->watched.is_over = is_over;
    self->watched.connection = connection;
    tls_watch_add(&self->watched);
    return 0;
}

void tls_connection_fini(struct tls_connection *self)
{
    tls_watch_remove(&self->watched);
    tls_roll_remove(&self->rolled);
    SSL_free(self->ssl);
    tls_context_release(self->context);
    ERR_clear_error();
}

/* Ended before the handshake was. A peer that connects and leaves without a word (a port that is looked at) is no failure to a
 * listener; and when the connection still stands, it is this end that gives up: nng's patience is over, or the socket closes. */
static void report_hang_up(struct tls_connection *self)
{
    nng_sockaddr address;
    bool stands = address_of(self->wire.connection, &address);
    if (stands && now_ns() - self->since_ns > PATIENCE_NS)
        report(self, "it did not finish in time");
    else if (!stands && (self->wire.heard || !self->context->listen))
        report(self, "it hung up");
}

void tls_connection_close(struct tls_connection *self)
{
    if (!self->ssl || self->broken)
        return;
    bool established = atomic_load_explicit(&self->established, memory_order_relaxed);
    /* A listener that refuses a dialler's certificate with TLS 1.3 does so after the dialler's handshake, and its alert may be
     * lost in the reset of the connection. */
    if (!established || (!self->trusted && !self->context->listen))
        report_hang_up(self);
    if (established)
        SSL_shutdown(self->ssl); /* tells the peer that this is the end; its answer is not awaited */
    self->broken = true;
    ERR_clear_error();
}

/* ---- moving bytes ------------------------------------------------------------------------------------------------ */

static bool is_peers_fault(unsigned long error)
{
    return ERR_GET_LIB(error) == ERR_LIB_SSL && (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED ||
                                                 ERR_GET_REASON(error) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE);
}

/* What an operation that did not succeed means to nng. Each failure is the connection's last word, and reported once. */
static int fail(struct tls_connection *self, int result)
{
    char reason[160];
    int error = SSL_get_error(self->ssl, result);
    if (error == SSL_ERROR_WANT_READ)
        atomic_store_explicit(&self->waiting, true, memory_order_relaxed);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return NNG_EAGAIN;
    if (error == SSL_ERROR_SYSCALL && self->wire.error) { /* tls_connection_close says what there is to say */
        ERR_clear_error();
        return self->wire.error;
    }
    bool first = !self->broken;
    self->broken = true;
    if (error == SSL_ERROR_ZERO_RETURN)
        return NNG_ECONNSHUT;
    int code = is_peers_fault(ERR_peek_error()) ? NNG_EPEERAUTH : NNG_ECRYPTO;
    tls_reason_of_connection(self->ssl, reason, sizeof reason);
    if (first)
        report(self, reason);
    return code;
}

static bool take_first(const char *name, bool common, void *user)
{
    (void)common;
    snprintf(user, TLS_ROLL_NAME_BYTES, "%s", name);
    return true;
}

static void enroll(struct tls_connection *self, X509 *certificate)
{
    if (!certificate || self->rolled.address[0] == '\0')
        return;
    tls_names_each(certificate, take_first, self->rolled.name);
    tls_roll_add(&self->rolled);
}

/* nng asks for the handshake when bytes come; the first read or write may have finished it before. 0, or nng's code when the peer's
 * names may not come in. */
static int establish(struct tls_connection *self)
{
    if (atomic_load_explicit(&self->established, memory_order_relaxed))
        return 0;
    if (self->broken) /* it was asked for already, and is not asked for twice */
        return NNG_EPEERAUTH;
    X509 *certificate = tls_connection_is_verified(self) ? SSL_get0_peer_certificate(self->ssl) : NULL;
    if (!tls_leave_given(self->context->host, certificate, self->peer)) {
        self->broken = true;
        return NNG_EPEERAUTH;
    }
    atomic_store_explicit(&self->established, true, memory_order_relaxed);
    enroll(self, certificate);
    return 0;
}

/* With TLS 1.3 a dialler's handshake is over before the listener has looked at its certificate. */
static void trust(struct tls_connection *self)
{
    if (!self->trusted)
        tls_failures_forgive(self->context->failures, self->peer);
    self->trusted = true;
}

int tls_connection_handshake(struct tls_connection *self)
{
    ERR_clear_error();
    int result = SSL_do_handshake(self->ssl);
    if (result != 1)
        return fail(self, result);
    return establish(self);
}

int tls_connection_receive(struct tls_connection *self, uint8_t *data, size_t *len)
{
    size_t got = 0;
    int doomed = atomic_load_explicit(&self->doomed, memory_order_relaxed);
    if (doomed)
        return doomed;
    ERR_clear_error();
    int result = SSL_read_ex(self->ssl, data, *len, &got);
    if (result != 1)
        return fail(self, result);
    int code = establish(self);
    if (code)
        return code;
    trust(self);
    atomic_store_explicit(&self->waiting, false, memory_order_relaxed);
    *len = got;
    return 0;
}

int tls_connection_send(struct tls_connection *self, const uint8_t *data, size_t *len)
{
    size_t put = 0;
    int doomed = atomic_load_explicit(&self->doomed, memory_order_relaxed);
    if (doomed)
        return doomed;
    ERR_clear_error();
    int result = SSL_write_ex(self->ssl, data, *len, &put);
    if (result != 1)
        return fail(self, result);
    *len = put;
    return establish(self);
}

bool tls_connection_is_verified(const struct tls_connection *self)
{
    return self->ssl && SSL_get_verify_mode(self->ssl) != SSL_VERIFY_NONE && SSL_get0_peer_certificate(self->ssl) &&
           SSL_get_verify_result(self->ssl) == X509_V_OK;
}
