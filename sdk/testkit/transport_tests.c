/* A transport's sockets, addresses and peers. */
#include "subject.h"
#include "tests.h"
#include "transport_calls.h"
#include "transport_pair.h"
#include "ways.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OPS (&test_subject.plugin.transport)
#define PEERS_MAX 8

/* ---- what it says of itself ------------------------------------------------------------------------------------------ */

static void schemes_are_well_formed(void)
{
    char scheme[64];
    test_require(*OPS->schemes, "its schemes are empty; expected such as \"tcp|tcp4\"");
    test_require(*OPS->family, "its family is empty; expected such as \"sp/1\"");
    for (unsigned i = 0; transport_scheme(i, scheme, sizeof scheme); i++) {
        test_require(islower((unsigned char)scheme[0]), "the scheme '%s' does not begin with a small letter", scheme);
        test_require(strspn(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+.-") == strlen(scheme),
                     "the scheme '%s' has other characters than a-z, 0-9, '+', '.' and '-'", scheme);
    }
}

static void each_role_opens_or_is_not_supported(void)
{
    unsigned opened = 0;
    for (uint32_t role = LEAT_ROLE_PUBLISHER; role <= LEAT_ROLE_PAIR1; role++) {
        struct socket self;
        int32_t error = socket_open(&self, role);
        test_require(error == 0 || error == -ENOTSUP, "open of a %s returned %s; expected 0 or -ENOTSUP",
                     role_name(role), test_errno(error));
        if (error == 0) {
            opened++;
            socket_close(&self);
        } else {
            test_note("no %s: -ENOTSUP", role_name(role));
        }
    }
    test_require(opened > 0, "it opens no socket of any role");
}

static void unknown_roles_are_refused(void)
{
    static const uint32_t roles[] = {0, LEAT_ROLE_PAIR1 + 1, 1000, UINT32_MAX};
    struct socket self;
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        int32_t error = socket_open(&self, roles[i]);
        test_require(error == -ENOTSUP || error == -EINVAL, "open of role %u, which does not exist, returned %s",
                     roles[i], test_errno(error));
    }
}

/* ---- addresses ------------------------------------------------------------------------------------------------------- */

static void each_scheme_connects(void)
{
    struct pair pair;
    char scheme[64];
    for (unsigned i = 0; transport_scheme(i, scheme, sizeof scheme) && (i == 0 || !pair_url_is_given()); i++) {
        pair_open(&pair, pair_any());
        pair_connect(&pair, transport_url_of(i, 0));
        pair_lockstep(&pair, 10);
        pair_close(&pair);
        test_note("%s", transport_url_of(i, 0));
    }
}

static void wrong_addresses_are_refused_with_a_sentence(void)
{
    static const char *const rests[] = {"", "/", ":", "%s%n", "256.256.256.256:99999", "[::1", "..", "a b c"};
    char scheme[64], url[128], explain[256];
    struct socket self;
    transport_scheme(0, scheme, sizeof scheme);
    for (size_t i = 0; i < sizeof rests / sizeof rests[0]; i++) {
        test_require(socket_open(&self, pair_any()->first) == 0, "a socket could not be opened again");
        snprintf(url, sizeof url, "%s://%s", scheme, rests[i]);
        int32_t error = socket_attach(&self, url, true, subject_values(), explain, sizeof explain);
        test_require(error == 0 || memchr(explain, '\0', sizeof explain), "attach filled `explain` without a '\\0'");
        test_require(error == 0 || *explain, "attach refused to listen at %s with %s and explained nothing", url,
                     test_errno(error));
        socket_close(&self);
    }
}

static void an_address_in_use_is_refused_with_a_sentence(void)
{
    struct socket first, second;
    char explain[256];
    if (!transport_listens())
        test_skip("something else listens");
    test_require(socket_open(&first, pair_any()->first) == 0 && socket_open(&second, pair_any()->first) == 0,
                 "two sockets could not be opened");
    int32_t error = socket_attach(&first, transport_url(0), true, subject_values(), explain, sizeof explain);
    pair_judge_listening(error, explain);
    error = socket_attach(&second, transport_url(0), true, subject_values(), explain, sizeof explain);
    test_require(error != 0, "two sockets listen at %s; expected -EADDRINUSE for the second", transport_url(0));
    test_require(*explain, "attach refused an address in use with %s and explained nothing", test_errno(error));
    socket_close(&second);
    socket_close(&first);
}

/* ---- peers ----------------------------------------------------------------------------------------------------------- */

static void judge_peers(struct socket *self)
{
    struct leat_peer peers[PEERS_MAX];
    if (!OPS->list_peers)
        return;
    memset(peers, 0, sizeof peers);
    for (size_t i = 0; i < PEERS_MAX; i++)
        peers[i].size = sizeof peers[i];
    test_enter("list_peers");
    int32_t count = OPS->list_peers(self->socket, peers, PEERS_MAX);
    test_leave_in_time("list_peers");
    test_require(count >= 1 && count <= PEERS_MAX, "list_peers returned %d with one peer connected", count);
    test_require(memchr(peers[0].address, '\0', sizeof peers[0].address), "a peer's address has no end");
    test_enter("list_peers");
    count = OPS->list_peers(self->socket, NULL, 0);
    test_leave_in_time("list_peers");
    test_require(count >= 1, "list_peers with room for none returned %d; expected how many there are", count);
}

/* ---- the books of peers ---------------------------------------------------------------------------------------------- */

#define GUARD_BYTES 32 /* of a host whose struct is larger than the plugin knows */

/* One element as a later host would have it. */
struct wide_books {
    struct leat_peer_books books;
    uint8_t guard[GUARD_BYTES];
};

static void judge_one(const struct wide_books *wide)
{
    const struct leat_peer_books *books = &wide->books;
    test_require(books->size == sizeof *wide, "books changed an element's size to %u", books->size);
    for (size_t i = 0; i < GUARD_BYTES; i++)
        test_require(wide->guard[i] == 0xa5, "books wrote %zu bytes behind what it knows", i);
    test_require(books->id != 0, "books told of a peer with the number 0");
    test_require(memchr(books->address, '\0', sizeof books->address) && memchr(books->name, '\0', sizeof books->name),
                 "a peer's address or name has no end");
    if (books->counted && books->may_lose)
        test_require(books->offered_messages == books->sent_messages + books->lost_messages + books->queued_messages,
                     "the books of a peer do not balance: %" PRIu64 " offered, %" PRIu64 " sent, %" PRIu64
                     " lost, %" PRIu64 " queued",
                     books->offered_messages, books->sent_messages, books->lost_messages, books->queued_messages);
}

static int32_t list_books(struct socket *self, struct wide_books *wide, uint32_t max)
{
    memset(wide, 0xa5, PEERS_MAX * sizeof *wide);
    for (size_t i = 0; i < PEERS_MAX; i++)
        wide[i].books = (struct leat_peer_books){.size = sizeof *wide};
    test_enter("books");
    int32_t count = OPS->books(self->socket, &wide[0].books, max);
    test_leave_in_time("books");
    for (int32_t i = 0; i < count && count <= (int32_t)max; i++)
        judge_one(&wide[i]);
    return count;
}

static void books_of_peers_balance(void)
{
    struct wide_books wide[PEERS_MAX];
    struct pair pair;
    if (!OPS->books)
        test_skip("it keeps no books");
    pair_open(&pair, pair_any());
    pair_connect(&pair, transport_url(0));
    pair_lockstep(&pair, 20);
    test_require(list_books(&pair.first, wide, 0) == 1, "books with room for none did not return how many there are");
    test_require(list_books(&pair.first, wide, PEERS_MAX) == 1, "books did not tell of the one peer");
    test_require(!wide[0].books.left, "books says that a peer has left, and it has not");
    socket_close(&pair.second);
    if (socket_await_peers(&pair.first, false, TEST_PATIENCE_NS)) {
        test_require(list_books(&pair.first, wide, PEERS_MAX) == 1 && wide[0].books.left,
                     "books did not tell of the peer that has left");
        test_require(list_books(&pair.first, wide, PEERS_MAX) == 0, "books told twice of a peer that has left");
    }
    socket_close(&pair.first);
}

static void peers_are_counted(void)
{
    struct pair pair;
    pair_open(&pair, pair_any());
    pair_connect(&pair, transport_url(0));
    judge_peers(&pair.first);
    socket_close(&pair.second);
    bool gone = socket_await_peers(&pair.first, false, TEST_PATIENCE_NS);
    test_require(gone || !transport_listens(),
                 "the only peer has closed its socket, and peers() still says %u after 10 s", pair.first.connected);
    socket_close(&pair.first);
}

static void probe_keeps_its_timeout(void)
{
    struct pair pair;
    if (!OPS->probe)
        test_skip("it has no probe()");
    pair_open(&pair, pair_any());
    test_enter("probe");
    int32_t result = OPS->probe(subject_host(), TEST_S);
    int64_t took = test_leave();
    test_require(took < TEST_S + TEST_SLACK_NS, "probe with a timeout of 1 s took %" PRId64 " ms", took / TEST_MS);
    test_require(result == 0, "probe returned %s from an engine that works", test_errno(result));
    pair_close(&pair);
}

const struct test_row transport_tests[] = {
    {"its schemes and family are well formed", schemes_are_well_formed, TEST_LIMIT, false},
    {"each role opens, or is not supported", each_role_opens_or_is_not_supported, 60, false},
    {"roles that do not exist are refused", unknown_roles_are_refused, TEST_LIMIT, false},
    {"each scheme listens and is dialled", each_scheme_connects, 60, false},
    {"a wrong address is refused with a sentence", wrong_addresses_are_refused_with_a_sentence, 60, false},
    {"an address in use is refused with a sentence", an_address_in_use_is_refused_with_a_sentence, TEST_LIMIT, false},
    {"peers are counted when they come and when they go", peers_are_counted, 30, false},
    {"the books of peers balance, and tell once of those that left", books_of_peers_balance, 30, false},
    {"probe() returns within its timeout", probe_keeps_its_timeout, TEST_LIMIT, false},
    {NULL, NULL, 0, false},
};
