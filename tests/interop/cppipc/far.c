/* The far end of a bridge, on libnng: pushes the series of orders.h to a bridge, or pulls and judges what comes from one. NAME is the URL
 * that it dials. */
#include "orders.h"

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>

#define FLIGHTS 64u
#define BYTES_IN_FLIGHT ((size_t)64 << 20)
#define LOOK_MS 50 /* how soon SIGTERM is noticed */

static nng_aio *flights[FLIGHTS];

static void must(int code, const char *what)
{
    if (code) {
        fprintf(stderr, "%s: %s\n", what, nng_strerror(code));
        exit(1);
    }
}

/* How many messages are on their way at once. */
static unsigned flights_init(const struct series *series)
{
    size_t count = BYTES_IN_FLIGHT / series_largest(series);
    count = count < 1 ? 1 : count > FLIGHTS ? FLIGHTS : count;
    for (size_t i = 0; i < count; i++) {
        must(nng_aio_alloc(&flights[i], NULL, NULL), "nng_aio_alloc");
        nng_aio_set_timeout(flights[i], LOOK_MS);
    }
    return (unsigned)count;
}

static nng_socket dial(const char *url, int (*open)(nng_socket *))
{
    nng_socket socket;
    must(open(&socket), "open");
    must(nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, (size_t)1 << 30), "NNG_OPT_RECVMAXSZ");
    must(nng_socket_set_ms(socket, NNG_OPT_RECONNMINT, 10), "NNG_OPT_RECONNMINT"); /* a bridge is away for 100 ms */
    must(nng_socket_set_ms(socket, NNG_OPT_RECONNMAXT, 50), "NNG_OPT_RECONNMAXT");
    must(nng_dial(socket, url, NULL, NNG_FLAG_NONBLOCK), url);
    return socket;
}

/* ---- pushing ------------------------------------------------------------------------------------------------------- */

static void land(nng_aio *flight)
{
    nng_aio_wait(flight);
    if (nng_aio_result(flight))
        nng_msg_free(nng_aio_get_msg(flight));
}

static int run_sender(const struct orders *orders)
{
    nng_socket socket = dial(orders->name, nng_push0_open);
    const unsigned count = flights_init(&orders->series);
    const double began = orders_now();
    uint64_t sent = 0;
    signal(SIGTERM, SIG_DFL); /* nng_aio_wait does not look up */
    orders_say("ready");
    for (; !orders_end && (!orders->count || sent < orders->count); sent++) {
        nng_msg *message;
        nng_aio *flight = flights[sent % count];
        must(nng_msg_alloc(&message, series_size(&orders->series, orders->first + sent)), "nng_msg_alloc");
        series_fill(&orders->series, 0, orders->first + sent, nng_msg_body(message));
        if (sent >= count)
            land(flight);
        nng_aio_set_timeout(flight, NNG_DURATION_INFINITE);
        nng_aio_set_msg(flight, message);
        nng_send_aio(socket, flight);
        orders_progress(orders, sent + 1);
        orders_nap(orders->interval_us);
    }
    for (uint64_t i = sent < count ? 0 : sent - count; i < sent; i++)
        land(flights[i % count]);
    orders_report_sent(sent, 0, 0, began);
    while (orders->stay && !orders_end)
        orders_nap(10000);
    return 0; /* as the process ends, so do its sockets; nng_close could wait for ever */
}

/* ---- pulling ------------------------------------------------------------------------------------------------------- */

static bool is_over(const struct orders *orders, const struct series_account *account, double last)
{
    if (orders_end || (orders->count && account->received >= orders->count))
        return true;
    return orders->idle_ms && (orders_now() - last) * 1000 > (double)orders->idle_ms;
}

static int run_receiver(const struct orders *orders)
{
    nng_socket socket = dial(orders->name, nng_pull0_open);
    const unsigned count = flights_init(&orders->series);
    struct series_account account = {0};
    double first = 0, last = orders_now();
    for (unsigned i = 0; i < count; i++)
        nng_recv_aio(socket, flights[i]);
    orders_say("ready");
    for (unsigned i = 0; !is_over(orders, &account, last); i = (i + 1) % count) {
        nng_aio_wait(flights[i]);
        nng_msg *message = nng_aio_result(flights[i]) == 0 ? nng_aio_get_msg(flights[i]) : NULL;
        nng_recv_aio(socket, flights[i]);
        if (!message)
            continue;
        last = orders_now();
        first = first == 0 ? last : first;
        series_see(&account, &orders->series, nng_msg_body(message), nng_msg_len(message));
        nng_msg_free(message);
        orders_progress(orders, account.received);
        orders_nap(orders->interval_us);
    }
    orders_report_received(&account, first == 0 ? 0 : last - first);
    return 0;
}

int main(int argc, char **argv)
{
    static struct orders orders;
    if (!orders_read(&orders, argc, argv)) {
        fprintf(stderr, "usage: cppipc_far send|recv URL [options]; see orders.h\n");
        return 2;
    }
    return strcmp(orders.role, "send") == 0 ? run_sender(&orders) : run_receiver(&orders);
}
