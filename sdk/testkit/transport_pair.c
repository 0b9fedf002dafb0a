#include "transport_pair.h"

#include "subject.h"
#include "ways.h"

#include <inttypes.h>

const struct pair_roles pair_all[] = {{LEAT_ROLE_PUSHER, LEAT_ROLE_PULLER, true},
                                      {LEAT_ROLE_PAIR0, LEAT_ROLE_PAIR0, true},
                                      {LEAT_ROLE_PAIR1, LEAT_ROLE_PAIR1, true},
                                      {LEAT_ROLE_PUBLISHER, LEAT_ROLE_SUBSCRIBER, false},
                                      {LEAT_ROLE_BUS, LEAT_ROLE_BUS, false},
                                      {LEAT_ROLE_REQUESTER, LEAT_ROLE_REPLIER, true},
                                      {LEAT_ROLE_SURVEYOR, LEAT_ROLE_RESPONDENT, false},
                                      {0, 0, false}};

int32_t pair_supported(const struct pair_roles *roles)
{
    struct socket socket;
    const uint32_t both[] = {roles->first, roles->second};
    for (int i = 0; i < 2; i++) {
        int32_t error = socket_open(&socket, both[i]);
        if (error)
            return error;
        socket_close(&socket);
    }
    return 0;
}

static const struct pair_roles *find(bool must_wait)
{
    for (const struct pair_roles *roles = pair_all; roles->first; roles++)
        if ((roles->waits || !must_wait) && pair_supported(roles) == 0)
            return roles;
    return NULL;
}

const struct pair_roles *pair_any(void)
{
    static const struct pair_roles *roles;
    roles = roles ? roles : find(false);
    if (!roles)
        test_skip("it has no two roles that belong together");
    return roles;
}

const struct pair_roles *pair_that_waits(void)
{
    const struct pair_roles *roles = find(true);
    if (!roles)
        test_skip("it has no role whose sends wait for a peer");
    return roles;
}

bool pair_url_is_given(void)
{
    return test_subject.kit->url || test_subject.kit->dial;
}

void pair_judge_listening(int32_t error, const char *explain)
{
    if (error == -ENOTSUP)
        test_skip("it does not listen (%s): --dial URL names something that does", *explain ? explain : "-ENOTSUP");
    test_require(error == 0, "it cannot listen: attach returned %s (%s)", test_errno(error), explain);
}

void pair_open(struct pair *pair, const struct pair_roles *roles)
{
    pair->roles = roles;
    int32_t error = socket_open(&pair->first, roles->first);
    test_require(error == 0, "open of a %s returned %s", role_name(roles->first), test_errno(error));
    error = socket_open(&pair->second, roles->second);
    test_require(error == 0, "open of a %s beside a %s returned %s", role_name(roles->second), role_name(roles->first),
                 test_errno(error));
}

void pair_connect(struct pair *pair, const char *url)
{
    char explain[256];
    bool listen = transport_listens();
    int32_t error = socket_attach(&pair->first, url, listen, subject_values(), explain, sizeof explain);
    if (listen)
        pair_judge_listening(error, explain);
    else
        test_require(error == 0, "it cannot dial %s: attach returned %s (%s)", url, test_errno(error), explain);
    error = socket_attach(&pair->second, url, false, subject_values(), explain, sizeof explain);
    test_require(error == 0, "it cannot dial %s: attach returned %s (%s)", url, test_errno(error), explain);
    test_require(socket_await_peers(&pair->first, true, TEST_PATIENCE_NS) &&
                     socket_await_peers(&pair->second, true, TEST_PATIENCE_NS),
                 "two sockets (%s, %s) did not find each other at %s within 10 s: peers() said %u and %u (log: %s)",
                 role_name(pair->roles->first), role_name(pair->roles->second), url, pair->first.connected,
                 pair->second.connected, subject_heard().log);
}

static uint64_t len_of(uint64_t number)
{
    return 8 + number * 977 % 5000;
}

void pair_lockstep(struct pair *pair, uint64_t count)
{
    static unsigned char data[8192];
    struct leat_packet header;
    for (uint64_t i = 0; i < count; i++) {
        test_require(socket_send(&pair->first, i, len_of(i), TEST_PATIENCE_NS),
                     "message %" PRIu64 " found no free slot", i);
        int64_t len = socket_receive(&pair->second, &header, data, sizeof data, TEST_PATIENCE_NS);
        test_require(len >= 0, "message %" PRIu64 " from a %s to a %s did not arrive: %s", i,
                     role_name(pair->roles->first), role_name(pair->roles->second), test_errno(len));
        socket_judge(data, (uint64_t)len, i, len_of(i));
    }
    test_require(socket_await_sends(&pair->first, TEST_PATIENCE_NS),
                 "all messages have arrived, but %" PRIu64 " sends have not completed after 10 s",
                 pair->first.next_send - pair->first.sent - pair->first.failed);
    test_require(pair->first.failed == 0, "all messages have arrived, but %" PRIu64 " sends failed",
                 pair->first.failed);
}

void pair_close(struct pair *pair)
{
    socket_close(&pair->second);
    socket_close(&pair->first);
}
