/* What ws says about addresses and options, and what it makes of them; traffic in both directions. */
#include "common/sp_origin.h"
#include "common/sp_start.h"
#include "common/sp_ws.h"
#include "common/sp_ws_headers.h"
#include "peer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct expectation {
    const char *settings, *url;
    uint32_t listen;
    const char *says; /* NULL: nothing is wrong */
};

static void look(const struct expectation *expected)
{
    plug_expect("ws", expected->settings, expected->url, expected->listen, NULL, expected->says);
}

static const struct expectation addresses[] = {
    {"", "ws://127.0.0.1:0", 1, NULL},
    {"", "ws://127.0.0.1:0/", 1, NULL},
    {"", "ws6://[::1]:0/a/b-c_d.e~f", 1, NULL},
    {"", "ws://localhost:0/...", 1, NULL},
    {"accept_unsafe_nng = yes", "ws://*:0/quotes", 1, NULL},
    {"", "ws://feed.example/quotes", 0, NULL},
    {"", "ws://feed.example:8080", 0, NULL},
    {"", "ws://feed.example?token=7", 0, NULL},
    {"", "ws://[2001:db8::7]/a%20b?c=d%2Fe", 0, NULL},
    {"", "ws://127.0.0.1/quotes", 1, "blame listen: a port must follow the host"},
    {"", "ws://127.0.0.1:0/a?b", 1, "blame listen: a path has no query"},
    {"", "ws://127.0.0.1:0/a%41", 1, "blame listen: a path to listen at is written without '%'"},
    {"", "ws://127.0.0.1:0//a", 1, "in its shortest form"},
    {"", "ws://127.0.0.1:0/a/.", 1, "in its shortest form"},
    {"", "ws://127.0.0.1:0/a/../b", 1, "in its shortest form"},
    {"", "ws://127.0.0.1:0/a#b", 1, "a '#' and what follows it"},
    {"", "ws://feed.example/a#b", 0, "blame dial: a '#' and what follows it"},
    {"", "ws://feed.example/\"", 0, "holds a character that no path has"},
    {"", "ws://feed.example:0/a", 0, "a number from 1 to 65535"},
    {"", "ws:///a", 0, "a host must stand before the port"},
    {"", "ws://10.9.9.9:0/quotes", 1, "address 10.9.9.9 is not on this host"},
    {"", "ws://user@host:80/", 0, "holds a character that no host name or address has"},
};

Test(ws, check_says_what_is_wrong_with_an_address)
{
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++)
        look(&addresses[i]);
}

static const struct expectation settings[] = {
    {"headers = A: b, C: d", "ws://h/", 0, NULL},
    {"headers = A: b, c, D:e", "ws://h/", 0, NULL},
    {"headers = b", "ws://h/", 0, "blame headers: header 1: expected NAME: VALUE"},
    {"headers = A: b, host: c", "ws://h/", 0, "blame headers: header 2, host: this header is part of the handshake"},
    {"headers = Sec-WebSocket-Key: x", "ws://h/", 0, "is part of the handshake"},
    {"headers = b", "ws://127.0.0.1:0/", 1, NULL}, /* a listener has no use for them */
    {"origins = https://a.example, http://localhost:8000, null", "ws://127.0.0.1:0/", 1, NULL},
    {"origins = a.example", "ws://127.0.0.1:0/", 1, "blame origins: 'a.example' is no origin"},
    {"origins = https://a.example/", "ws://127.0.0.1:0/", 1, "is no origin"},
    {"origins = https://a|b", "ws://127.0.0.1:0/", 1, "is no origin"},
    {"subprotocol = a.v1 b.v2", "ws://127.0.0.1:0/", 1, NULL},
    {"subprotocol = a/b", "ws://127.0.0.1:0/", 1, "blame subprotocol: expected names"},
    {"subprotocol = a.v1 b.v2", "ws://h/", 0, "blame subprotocol: expected one name"},
    {"reconnect_min = 5s\nreconnect_max = 1s", "ws://h/", 0, "blame reconnect_max"},
};

Test(ws, check_says_what_is_wrong_with_an_option)
{
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        look(&settings[i]);
}

Test(ws, an_unsafe_nng_stays_on_loopback)
{
    const char *says = sp_older_than(1, 6) ? "can corrupt the memory of the bridge's process" : NULL;
    look(&(struct expectation){"", "ws://0.0.0.0:0/quotes", 1, says});
    look(&(struct expectation){"", "ws://*:0/quotes", 1, says});
    look(&(struct expectation){"accept_unsafe_nng = yes", "ws://0.0.0.0:0/quotes", 1, NULL});
    look(&(struct expectation){"", "ws://127.9.9.9:0/quotes", 1, NULL});
}

Test(ws, knows_its_urls_from_others)
{
    static const char *const ours[] = {"ws://h", "ws4://h", "ws6://h", "wss://h", "wss4://h", "wss6://h"};
    static const char *const others[] = {"tcp://h", "wss5://h", "w://h", "wsss://h", "tls+tcp://ws"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        cr_expect(sp_ws_is_url(ours[i]), "%s", ours[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_expect(!sp_ws_is_url(others[i]), "%s", others[i]);
}

Test(ws, a_comma_within_a_header_stays_in_it)
{
    const char *const items[] = {
        "Accept-Language: de", "en;q=0.5", "Date: Sun", "06 Nov 1994 08:49:37 GMT", "X:", "Link: a",
        "http://b/c",          NULL};
    char *text = sp_ws_headers_text(items);
    cr_expect_str_eq(
        text, "Accept-Language: de, en;q=0.5\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nX:\r\nLink: a, http://b/c\r\n");
    free(text);
}

Test(ws, no_header_smuggles_in_another)
{
    char why[256];
    const char *const items[] = {"A: b\r\nHost: c", NULL}, *const goes_on[] = {"A: b", "c d\nE: f", NULL};
    cr_expect(sp_ws_headers_check(items, why, sizeof why) == -EINVAL);
    cr_expect(sp_ws_headers_check(goes_on, why, sizeof why) == -EINVAL);
    cr_expect(strstr(why, "no line break"), "%s", why);
    cr_expect(!strstr(why, "c d"), "a value is told: %s", why);
}

Test(ws, origins_travel_in_the_url)
{
    const char *const origins[] = {"https://a.example", "null", NULL};
    char *url = sp_origin_url("ws://127.0.0.1:1/x", origins);
    cr_expect_str_eq(url, "ws://127.0.0.1:1/x#origins=https://a.example|null|");
    free(url);
}

static const char *own_url(const char *path)
{
    static char url[128];
    snprintf(url, sizeof url, "ws://127.0.0.1:%d%s", 10000 + getpid() % 20000, path);
    return url;
}

Test(ws, carries_what_is_published_in_order)
{
    struct plug plug;
    struct peer sender, receiver;
    plug_init(&plug, "ws", "");
    peer_open(&sender, &plug, LEAT_ROLE_PUBLISHER, 8192);
    peer_open(&receiver, &plug, LEAT_ROLE_SUBSCRIBER, 8192);
    peer_listen(&sender, &plug, own_url("/quotes"));
    peer_dial(&receiver, &plug, own_url("/quotes"));
    cr_assert(peer_await_connected(&sender, 1));
    for (uint64_t i = 0; i < 5000; i++)
        cr_assert(peer_send(&sender, &i, sizeof i));
    for (uint64_t i = 0, got; i < 5000; i++)
        cr_assert(peer_receive(&receiver, &got, sizeof got, 10000) == sizeof got && got == i, "message %lu", i);
    peer_close(&receiver);
    peer_close(&sender);
    plug_fini(&plug);
}

Test(ws, a_path_is_served_once)
{
    struct plug plug;
    struct peer first, second;
    char explain[256];
    plug_init(&plug, "ws", "");
    peer_open(&first, &plug, LEAT_ROLE_PUBLISHER, 16);
    peer_open(&second, &plug, LEAT_ROLE_PULLER, 0);
    peer_listen(&first, &plug, own_url("/a"));
    cr_expect(peer_attach(&second, &plug, own_url("/b"), true, explain, sizeof explain) == 0, "%s", explain);
    cr_expect(peer_attach(&second, &plug, own_url("/a"), true, explain, sizeof explain) == -EADDRINUSE);
    cr_expect(strstr(explain, "this process serves the path already"), "%s", explain);
    peer_close(&second);
    peer_close(&first);
    plug_fini(&plug);
}

Test(ws, says_which_port_was_free)
{
    struct plug plug;
    struct peer peer;
    plug_init(&plug, "ws", "");
    peer_open(&peer, &plug, LEAT_ROLE_PUBLISHER, 16);
    peer_listen(&peer, &plug, "ws://127.0.0.1:0/quotes");
    unsigned port = 0;
    const char *said = strstr(plug.heard, "ws://127.0.0.1:0/quotes listens on port ");
    cr_assert(said && sscanf(said + strlen("ws://127.0.0.1:0/quotes listens on port "), "%u", &port) == 1, "%s",
              plug.heard);
    cr_expect(port > 0 && port < 65536, "%u", port);
    peer_close(&peer);
    plug_fini(&plug);
}
