/* A transport under load: order, sizes, and that each message that was submitted completes exactly once, whatever happens to the
 * peers. */
#include "allocation.h"
#include "subject.h"
#include "tests.h"
#include "transport_pair.h"
#include "ways.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

static void each_role_carries_messages(void)
{
    struct pair pair;
    for (const struct pair_roles *roles = pair_all; roles->first; roles++) {
        if (pair_supported(roles) != 0)
            continue;
        snprintf(test_notes->trying, sizeof test_notes->trying, "%s and %s", role_name(roles->first),
                 role_name(roles->second));
        pair_open(&pair, roles);
        pair_connect(&pair, transport_url(0));
        pair_lockstep(&pair, 30);
        pair_close(&pair);
    }
}

/* ---- a stream -------------------------------------------------------------------------------------------------------- */

struct flow {
    struct socket *sender;
    uint64_t count;
    atomic_bool stop;
};

static uint64_t len_of(uint64_t number)
{
    return 8 + number * 37 % 1000;
}

static void *send_flow(void *of)
{
    struct flow *flow = of;
    for (uint64_t i = 0; i < flow->count && !atomic_load(&flow->stop);)
        i += socket_send(flow->sender, i, len_of(i), 50 * TEST_MS);
    return NULL;
}

static void a_stream_arrives_in_order(void)
{
    static unsigned char data[2048];
    struct pair pair;
    struct leat_packet header;
    pair_open(&pair, pair_that_waits());
    pair_connect(&pair, transport_url(0));
    struct flow flow = {.sender = &pair.first, .count = 5000};
    pthread_t thread = test_thread(send_flow, &flow);
    for (uint64_t i = 0; i < flow.count; i++) {
        int64_t len = socket_receive(&pair.second, &header, data, sizeof data, TEST_PATIENCE_NS);
        test_require(len >= 0, "message %" PRIu64 " of a stream did not arrive: %s", i, test_errno(len));
        socket_judge(data, (uint64_t)len, i, len_of(i));
    }
    pthread_join(thread, NULL);
    test_require(socket_await_sends(&pair.first, TEST_PATIENCE_NS),
                 "all have arrived, but not all sends have completed");
    test_require(pair.first.failed == 0, "all have arrived, but %" PRIu64 " sends failed", pair.first.failed);
    pair_close(&pair);
}

static void a_slow_receiver_loses_nothing(void)
{
    static unsigned char data[2048];
    struct pair pair;
    struct leat_packet header;
    pair_open(&pair, pair_that_waits());
    pair_connect(&pair, transport_url(0));
    struct flow flow = {.sender = &pair.first, .count = 1000};
    pthread_t thread = test_thread(send_flow, &flow);
    for (uint64_t i = 0; i < flow.count; i++) {
        if (i % 100 == 0)
            test_nap(50 * TEST_MS);
        int64_t len = socket_receive(&pair.second, &header, data, sizeof data, TEST_PATIENCE_NS);
        test_require(len >= 0, "message %" PRIu64 " to a slow receiver did not arrive: %s", i, test_errno(len));
        socket_judge(data, (uint64_t)len, i, len_of(i));
    }
    pthread_join(thread, NULL);
    pair_close(&pair);
}

/* ---- sizes ----------------------------------------------------------------------------------------------------------- */

#define SMALL 65536 /* what every medium has to carry; some have a limit of their own */

/* Whether the newest send is refused as too large, soon. */
static bool is_refused(struct socket *self, uint64_t failed_before)
{
    uint32_t slot = (uint32_t)((self->next_send - 1) % SOCKET_DEPTH);
    return socket_await_sends(self, TEST_S) && self->failed > failed_before && self->sends[slot].status == LEAT_ETOOBIG;
}

static void carries_empty_and_largest_messages(void)
{
    static const uint64_t sizes[] = {0, 1, 65536, SOCKET_LIMIT / 2, 0, SOCKET_LIMIT};
    unsigned char *data = malloc(SOCKET_LIMIT + 8);
    struct pair pair;
    struct leat_packet header;
    test_require(data, "the suite ran out of memory");
    pair_open(&pair, pair_any());
    pair_connect(&pair, transport_url(0));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t failed = pair.first.failed;
        socket_send(&pair.first, i, sizes[i], TEST_PATIENCE_NS);
        if (sizes[i] > SMALL && is_refused(&pair.first, failed)) {
            test_note("a message of %" PRIu64 " bytes was refused: -EMSGSIZE", sizes[i]);
            continue;
        }
        int64_t len = socket_receive(&pair.second, &header, data, SOCKET_LIMIT + 8, TEST_PATIENCE_NS);
        test_require(len >= 0,
                     "a message of %" PRIu64 " bytes, with a receive_limit of %" PRIu64 ", did not arrive: %s",
                     sizes[i], SOCKET_LIMIT, test_errno(len));
        socket_judge(data, (uint64_t)len, i, sizes[i]);
    }
    free(data);
    pair_close(&pair);
}

/* What is larger than the limit may break the connection; what is sent when it is back arrives. */
static void survives_a_message_above_the_limit(void)
{
    static unsigned char data[4096];
    struct pair pair;
    struct leat_packet header;
    pair_open(&pair, pair_any());
    pair_connect(&pair, transport_url(0));
    socket_send(&pair.first, 0, SOCKET_LIMIT + 1, TEST_PATIENCE_NS);
    int64_t len = -ETIMEDOUT;
    for (int64_t until = test_now_ns() + TEST_PATIENCE_NS; len != 64 && test_now_ns() < until;) {
        if (pair.first.connected > 0)
            socket_send(&pair.first, 1, 64, 100 * TEST_MS);
        len = socket_receive(&pair.second, &header, data, sizeof data, 300 * TEST_MS);
        if (len > (int64_t)SOCKET_LIMIT)
            test_note("a message above receive_limit was received: the host has to drop it");
    }
    test_require(len == 64, "after a message above receive_limit nothing arrives any more");
    socket_close_busy(&pair.second);
    socket_close_busy(&pair.first);
}

/* ---- ends ------------------------------------------------------------------------------------------------------------ */

static void pending_sends_complete_on_close(void)
{
    for (uint32_t role = LEAT_ROLE_PUBLISHER; role <= LEAT_ROLE_PAIR1; role++) {
        struct socket self;
        if (socket_open(&self, role) != 0)
            continue;
        snprintf(test_notes->trying, sizeof test_notes->trying, "a %s", role_name(role));
        for (uint64_t i = 0; role_sends(role) && i < SOCKET_DEPTH; i++)
            socket_send(&self, i, 100, 0);
        socket_close(&self); /* which judges the completions */
    }
}

static void sockets_close_in_mid_burst(void)
{
    struct pair pair;
    const struct pair_roles *roles = pair_any();
    for (int i = 0; i < 20; i++) {
        pair_open(&pair, roles);
        pair_connect(&pair, transport_url(0));
        for (uint64_t k = 0; k < SOCKET_DEPTH; k++)
            socket_send(&pair.first, k, 4096, 0);
        socket_close_busy(i % 2 ? &pair.second : &pair.first);
        socket_close_busy(i % 2 ? &pair.first : &pair.second);
    }
}

static void a_peer_that_vanishes_is_accounted_for(void)
{
    static unsigned char data[2048];
    struct pair pair;
    struct leat_packet header;
    char explain[256];
    pair_open(&pair, pair_that_waits());
    pair_connect(&pair, transport_url(0));
    struct flow flow = {.sender = &pair.first, .count = UINT64_MAX};
    pthread_t thread = test_thread(send_flow, &flow);
    for (int i = 0; i < 5; i++) {
        for (int k = 0; k < 100; k++)
            socket_receive(&pair.second, &header, data, sizeof data, TEST_PATIENCE_NS);
        socket_close_busy(&pair.second);
        test_require(socket_open(&pair.second, pair.roles->second) == 0, "a second socket could not be opened");
        test_require(socket_attach(&pair.second, transport_url(0), false, subject_values(), explain, sizeof explain) ==
                         0,
                     "a peer could not dial again: %s", explain);
        int64_t len = socket_receive(&pair.second, &header, data, sizeof data, TEST_PATIENCE_NS);
        test_require(len >= 0, "a peer vanished and came back, and nothing reaches it within 10 s: %s",
                     test_errno(len));
    }
    atomic_store(&flow.stop, true);
    pthread_join(thread, NULL);
    test_note("%" PRIu64 " sent, %" PRIu64 " failed of %" PRIu64, pair.first.sent, pair.first.failed,
              pair.first.next_send);
    socket_close_busy(&pair.second);
    socket_close_busy(&pair.first);
}

static void traffic_survives_without_memory(void)
{
    static unsigned char data[2048];
    struct pair pair;
    struct leat_packet header;
    if (!allocation_watch())
        test_skip("it allocates nothing itself");
    pair_open(&pair, pair_any());
    pair_connect(&pair, transport_url(0));
    allocation_fail_every(3);
    for (uint64_t i = 0; i < 200; i++) {
        socket_send(&pair.first, i, 100, 100 * TEST_MS);
        socket_receive(&pair.second, &header, data, sizeof data, 10 * TEST_MS);
    }
    test_note("%" PRIu64 " allocations failed", allocation_failed());
    allocation_fail_at(0);
    pair_close(&pair);
}

const struct test_row traffic_tests[] = {
    {"each role carries messages", each_role_carries_messages, 60, false},
    {"a stream arrives whole and in order", a_stream_arrives_in_order, 60, false},
    {"a slow receiver loses nothing where sends wait", a_slow_receiver_loses_nothing, 60, false},
    {"empty and largest messages are carried whole", carries_empty_and_largest_messages, 60, false},
    {"it survives a message above the receive limit", survives_a_message_above_the_limit, 60, false},
    {"what is pending completes once when the socket closes", pending_sends_complete_on_close, 60, false},
    {"sockets close in the middle of a burst", sockets_close_in_mid_burst, 60, false},
    {"messages for a peer that vanishes are accounted for", a_peer_that_vanishes_is_accounted_for, 60, false},
    {"traffic survives without memory", traffic_survives_without_memory, 60, false},
    {NULL, NULL, 0, false},
};
