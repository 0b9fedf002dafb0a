#include "tls/wire.h"

#include <nng/nng.h>
#include <nng/supplemental/tls/engine.h>
#include <pthread.h>
#include <stdint.h>

/* What nng has no room or no bytes for now comes when it calls the engine again. */
static int retry_or_fail(BIO *bio, struct tls_wire *wire, int code, int retry)
{
    if (code == NNG_EAGAIN)
        BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
    else
        wire->error = code;
    return -1;
}

static int write_wire(BIO *bio, const char *data, int len)
{
    struct tls_wire *wire = BIO_get_data(bio);
    size_t count = (size_t)len;
    BIO_clear_retry_flags(bio);
    int code = nng_tls_engine_send(wire->connection, (const uint8_t *)data, &count);
    return code ? retry_or_fail(bio, wire, code, BIO_FLAGS_WRITE) : (int)count;
}

/* Not once nng has closed the TCP connection, or it was reset. */
static bool stands(const struct tls_wire *wire)
{
    nng_sockaddr address;
    return nng_stream_get_addr(wire->connection, NNG_OPT_REMADDR, &address) == 0;
}

/* Where a write has failed, nng (to 1.5 at least) closes the TCP connection while a read is under way. That read's end, NNG_ECLOSED,
 * would become the end of what waits here next; and when that is a listener's negotiation, it accepts nobody any more. */
static int read_wire(BIO *bio, char *data, int len)
{
    struct tls_wire *wire = BIO_get_data(bio);
    size_t count = (size_t)len;
    BIO_clear_retry_flags(bio);
    int code = nng_tls_engine_recv(wire->connection, (uint8_t *)data, &count);
    if (code == NNG_EAGAIN && !stands(wire))
        code = NNG_ECONNRESET;
    if (code)
        return retry_or_fail(bio, wire, code, BIO_FLAGS_READ);
    wire->heard = true;
    return (int)count;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH; /* nng sends at once what it is given */
}

static int create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *method;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nng");
    if (!method)
        return;
    BIO_meth_set_write(method, write_wire);
    BIO_meth_set_read(method, read_wire);
    BIO_meth_set_ctrl(method, control);
    BIO_meth_set_create(method, create);
}

BIO *tls_wire_bio(struct tls_wire *wire)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    BIO *bio = method ? BIO_new(method) : NULL;
    if (bio)
        BIO_set_data(bio, wire);
    return bio;
}
