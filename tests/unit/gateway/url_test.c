/* Which listening URLs can be had side by side. */
#include "config/url.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define ALONE "; a wss listener shares its port with no other"
#define ALIKE                                                                                                       \
    "; WebSocket listeners that are to share a port write scheme and host alike, with different paths, and run in " \
    "one worker"
#define PATHS "; WebSocket listeners that share a port need different paths"
#define EVERY "; at every IPv6 address means at every IPv4 address too"
#define WORKER "; bridges that share a WebSocket port run in one worker: give both the same 'worker'"

static const struct {
    const char *a, *b;
    const char *apart, *together; /* what is said of them in two workers, in one; NULL: both can be had */
} pairs[] = {
    {"tcp://127.0.0.1:1", "tcp://127.0.0.1:2", NULL, NULL},
    {"tcp://127.0.0.1:1", "tcp://127.0.0.2:1", NULL, NULL},
    {"tcp://127.0.0.1:0", "tcp://127.0.0.1:0", NULL, NULL},
    {"tcp://127.0.0.1:1", "tcp4://127.0.0.1:1", "", ""},
    {"tcp://*:1", "tls+tcp://10.0.0.1:1", "", ""},
    {"tcp://:1", "ws://127.0.0.1:1/a", "", ""},
    {"tcp://0.0.0.0:1", "wss://h:1/a", "", ""},
    {"tls+tcp6://[::]:1", "wss6://[::1]:1/a", "", ""},
    {"tcp://0.0.0.0:1", "tcp://[::1]:1", NULL, NULL},
    {"tcp4://*:1", "tcp6://*:1", EVERY, EVERY},
    {"tcp://127.0.0.1:1", "tls+tcp://[::]:1", EVERY, EVERY},
    {"tcp://127.0.0.1:1", "tcp6://[::1]:1", NULL, NULL},
    {"tcp://HOST:1", "tcp://host:01", "", ""},
    {"tcp://*:1", "tcp://:1", "", ""},
    {"tcp6://*:1", "tcp://[::1]:1", "", ""},
    {"tcp://localhost:1", "tls+tcp://127.0.0.1:1", "", ""},
    {"ipc:///a", "ipc:///a", "", ""},
    {"ipc:///a", "ipc:///b", NULL, NULL},
    {"ws://127.0.0.1:1/a", "ws://127.0.0.1:1/b", WORKER, NULL},
    {"ws://*:1/a", "ws://*:1/a/b", WORKER, NULL},
    {"ws://*:1", "ws://*:1/b", WORKER, NULL},
    {"ws://h:1/a", "ws://h:1/a", PATHS, PATHS},
    {"ws://h:1/a", "ws://h:1/a/", PATHS, PATHS},
    {"ws://h:1", "ws://h:1/", PATHS, PATHS},
    {"ws://h:1/a?x", "ws://h:1/a?y", PATHS, PATHS},
    {"ws://localhost:1/a", "ws://127.0.0.1:1/b", ALIKE, ALIKE},
    {"ws://0.0.0.0:1/a", "ws://127.0.0.1:1/b", ALIKE, ALIKE},
    {"ws://h:1/a", "ws4://h:1/b", ALIKE, ALIKE},
    {"ws://h:1/a", "wss://h:1/b", ALONE, ALONE},
    {"wss://h:1/a", "wss://h:1/b", ALONE, ALONE},
    {"wss4://*:1/a", "ws://10.0.0.1:1/b", ALONE, ALONE},
    {"ws://h:1/a", "wss://H:01/b", ALONE, ALONE},
    {"ws4://h:1/a", "wss6://h:1/b", NULL, ALONE},
    {"wss4://h:1/a", "wss6://h:1/b", NULL, ALONE},
    {"ws4://h:1/a", "ws6://h:1/b", NULL, ALIKE},
    {"ws://h:1/a", "ws://h:2/a", NULL, NULL},
};

static void expect(const char *said, const char *expected, const char *a, const char *b)
{
    if (said == NULL || expected == NULL)
        cr_expect(said == expected, "%s and %s: %s", a, b, said != NULL ? said : "both can be had");
    else
        cr_expect_str_eq(said, expected, "%s and %s: %s", a, b, said);
}

static void expect_clash(const char *a, const char *b, bool together, const char *expected)
{
    struct config_url left = {0}, right = {0};
    free(url_split(a, &left));
    free(url_split(b, &right));
    expect(url_clash(&left, &right, together), expected, a, b);
    expect(url_clash(&right, &left, together), expected, b, a);
    url_fini(&left);
    url_fini(&right);
}

Test(url, two_listeners_clash_where_they_want_one_port_and_cannot_share_it)
{
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        expect_clash(pairs[i].a, pairs[i].b, false, pairs[i].apart);
        expect_clash(pairs[i].a, pairs[i].b, true, pairs[i].together);
    }
}
