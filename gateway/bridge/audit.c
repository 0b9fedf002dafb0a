#include "bridge/audit.h"

#include "base/clock.h"
#include "base/page_peers.h"
#include "bridge/books.h"
#include "bridge/inside.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MORE 16u             /* peers that may come between asking how many there are and listing them */
#define QUIET_NS (5 * NS_PER_S)   /* a peer that lost nothing for so long loses no more */
#define STALLED_NS (3 * NS_PER_S) /* one that took nothing for so long, while something waits for it, takes nothing */
#define NOTES_MOST 4u             /* events of one audit: a crowd of peers must not push out everything else */

struct audit_peer {
    uint32_t id;
    bool losing;
    uint64_t lost, lost_before;           /* now, and when it began to lose */
    uint64_t lost_since_ns, lost_last_ns; /* CLOCK_REALTIME */
    uint64_t sent;
    int64_t moved_ns; /* CLOCK_MONOTONIC: when it took something last, or nothing waited for it */
    bool stalled;
};

struct now {
    int64_t monotonic, real;
};

static uint64_t to_real(const struct now *now, int64_t monotonic_ns)
{
    return (uint64_t)(now->real - (now->monotonic - monotonic_ns));
}

/* ---- the page ---------------------------------------------------------------------------------------------------------- */

static void add_sums(uint64_t *sums, const struct leat_peer_books *books)
{
    const uint64_t of[AUDIT_SUMS] = {books->offered_messages,  books->offered_bytes, books->sent_messages,
                                     books->sent_bytes,        books->lost_messages, books->lost_bytes,
                                     books->received_messages, books->received_bytes};
    for (size_t i = 0; i < AUDIT_SUMS; i++)
        sums[i] += of[i];
}

/* In the order of add_sums(). */
static void traffic_counters(struct page_traffic *traffic, _Atomic uint64_t *counters[AUDIT_SUMS])
{
    _Atomic uint64_t *const of[AUDIT_SUMS] = {&traffic->offered,    &traffic->offered_bytes, &traffic->sent,
                                              &traffic->sent_bytes, &traffic->lost,          &traffic->lost_bytes,
                                              &traffic->received,   &traffic->received_bytes};
    memcpy(counters, of, sizeof of);
}

static void write_traffic(struct page_traffic *traffic, const uint64_t *sums)
{
    _Atomic uint64_t *counters[AUDIT_SUMS];
    traffic_counters(traffic, counters);
    for (size_t i = 0; i < AUDIT_SUMS; i++)
        books_set(counters[i], sums[i]);
}

static void read_traffic(struct page_traffic *traffic, uint64_t *sums)
{
    _Atomic uint64_t *counters[AUDIT_SUMS];
    traffic_counters(traffic, counters);
    for (size_t i = 0; i < AUDIT_SUMS; i++)
        sums[i] = atomic_load_explicit(counters[i], memory_order_relaxed);
}

static void show_peer(struct page_bridge *page, const struct leat_peer_books *books, const struct audit_peer *peer,
                      const struct now *now)
{
    uint64_t sums[AUDIT_SUMS] = {0};
    struct page_peer *place = page_peer_find(page, books->id);
    if (!place)
        place = page_peer_place(page);
    if (!place)
        return;
    add_sums(sums, books);
    page_peer_begin(place);
    place->id = books->id;
    place->counted = books->counted;
    place->may_lose = books->may_lose;
    memcpy(place->address, books->address, sizeof place->address);
    memcpy(place->name, books->name, sizeof place->name);
    place->since_ns = to_real(now, books->since_ns);
    place->until_ns = books->left ? to_real(now, books->until_ns) : 0;
    place->lost_since_ns = peer->losing && !books->left ? peer->lost_since_ns : 0;
    place->lost_last_ns = peer->lost_last_ns;
    place->queued = books->queued_messages;
    place->queued_bytes = books->queued_bytes;
    write_traffic(&place->traffic, sums);
    page_peer_end(place);
}

/* ---- news of a peer ---------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void note(struct audit *audit, struct bridge *bridge, const char *format,
                                                       ...)
{
    char text[PAGE_TEXT_BYTES];
    va_list arguments;
    if (audit->notes++ >= NOTES_MOST)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    page_note(bridge->map, bridge->page->name, "%s", text);
}

static void judge_loss(struct audit *audit, struct bridge *bridge, struct audit_peer *peer,
                       const struct leat_peer_books *books, const struct now *now)
{
    char time[32];
    bool lost = books->lost_messages > peer->lost;
    if (lost && !peer->losing) {
        peer->losing = true;
        peer->lost_since_ns = (uint64_t)now->real;
        peer->lost_before = peer->lost;
        note(audit, bridge, "peer %s is too slow and loses messages, %" PRIu64 " so far", books->address,
             books->lost_messages - peer->lost_before);
    }
    peer->lost = books->lost_messages;
    if (lost)
        peer->lost_last_ns = (uint64_t)now->real;
    bool quiet = (uint64_t)now->real - peer->lost_last_ns > QUIET_NS;
    if (!peer->losing || !(books->left || quiet))
        return;
    peer->losing = false;
    clock_describe(time, sizeof time, (int64_t)(peer->lost_last_ns - peer->lost_since_ns));
    note(audit, bridge, "peer %s %s; it lost %" PRIu64 " in %s", books->address,
         books->left ? "has left" : "loses no more messages", peer->lost - peer->lost_before, time);
}

static void judge_progress(struct audit_peer *peer, const struct leat_peer_books *books, const struct now *now)
{
    if (!books->counted || books->queued_messages == 0 || books->sent_messages != peer->sent)
        peer->moved_ns = now->monotonic;
    peer->sent = books->sent_messages;
    peer->stalled = now->monotonic - peer->moved_ns > STALLED_NS;
}

/* ---- one audit --------------------------------------------------------------------------------------------------------- */

static int compare_ids(const void *one, const void *other)
{
    uint32_t a = ((const struct audit_peer *)one)->id, b = ((const struct audit_peer *)other)->id;
    return (a > b) - (a < b);
}

/* What the last audit knew of it; a new one otherwise. */
static struct audit_peer recall(const struct audit *audit, struct page_bridge *page, uint32_t id, const struct now *now)
{
    struct audit_peer wanted = {.id = id, .moved_ns = now->monotonic};
    const struct audit_peer *known =
        audit->count ? bsearch(&wanted, audit->peers, audit->count, sizeof wanted, compare_ids) : NULL;
    if (!known)
        books_add(&page->peers_ever, 1);
    return known ? *known : wanted;
}

/* How many books the listing holds; negative: none can be had. */
static int32_t list(struct audit *audit, struct bridge *bridge)
{
    for (;;) {
        for (uint32_t i = 0; i < audit->capacity; i++)
            audit->books[i] = (struct leat_peer_books){.size = sizeof audit->books[i]};
        int32_t count = bridge->engine->books(bridge->socket, audit->books, audit->capacity);
        if (count <= (int32_t)audit->capacity)
            return count;
        uint32_t capacity = (uint32_t)count + ROOM_MORE;
        struct leat_peer_books *books = realloc(audit->books, capacity * sizeof *books);
        if (!books)
            return -1;
        audit->books = books;
        audit->capacity = capacity;
    }
}

/* What people should know of the peers, in a sentence that stays the same while nothing changes. */
static void describe_trouble(struct audit *audit, struct bridge *bridge, const char *slowest, uint32_t losing,
                             const char *stalled)
{
    char trouble[PAGE_TEXT_BYTES] = "";
    if (losing == 1)
        snprintf(trouble, sizeof trouble, "peer %s is too slow and loses messages", slowest);
    else if (losing > 1)
        snprintf(trouble, sizeof trouble, "%" PRIu32 " peers are too slow and lose messages", losing);
    else if (stalled)
        snprintf(trouble, sizeof trouble, "peer %s takes nothing, and messages wait for it", stalled);
    pthread_mutex_lock(&bridge->showing);
    if (strcmp(trouble, audit->trouble) != 0) {
        memcpy(audit->trouble, trouble, sizeof trouble);
        bridge_show(bridge);
    }
    pthread_mutex_unlock(&bridge->showing);
}

static void begin(struct audit *audit, struct page_bridge *page)
{
    if (!audit->begun)
        read_traffic(&page->traffic, audit->gone);
    audit->begun = true;
    audit->notes = 0;
}

struct tally {
    uint64_t sums[AUDIT_SUMS];
    uint32_t losing, uncounted, queue;
    const char *slowest, *stalled; /* addresses */
    uint64_t most_lost;
};

static void tally_peer(struct tally *tally, const struct leat_peer_books *books, const struct audit_peer *peer)
{
    add_sums(tally->sums, books);
    tally->uncounted += books->may_lose && !books->counted;
    if (books->may_lose && books->queue > tally->queue)
        tally->queue = books->queue;
    if (peer->losing) {
        tally->losing++;
        if (!tally->slowest || books->lost_messages > tally->most_lost) {
            tally->slowest = books->address;
            tally->most_lost = books->lost_messages;
        }
    }
    if (peer->stalled)
        tally->stalled = books->address;
}

static void write_tally(struct audit *audit, struct bridge *bridge, struct tally *tally)
{
    struct page_bridge *page = bridge->page;
    for (size_t i = 0; i < AUDIT_SUMS; i++)
        tally->sums[i] += audit->gone[i];
    write_traffic(&page->traffic, tally->sums);
    atomic_store_explicit(&page->peers_losing, tally->losing, memory_order_relaxed);
    atomic_store_explicit(&page->peers_uncounted, tally->uncounted, memory_order_relaxed);
    if (tally->queue)
        atomic_store_explicit(&page->queue_messages, tally->queue, memory_order_relaxed);
    describe_trouble(audit, bridge, tally->slowest, tally->losing, tally->stalled);
}

void audit_turn(struct audit *audit, struct bridge *bridge)
{
    struct now now = {.monotonic = clock_monotonic_ns(), .real = clock_realtime_ns()};
    struct tally tally = {0};
    int32_t count = bridge->engine->books ? list(audit, bridge) : -1;
    struct audit_peer *peers = count >= 0 ? calloc((size_t)count + 1, sizeof *peers) : NULL;
    if (!peers)
        return;
    size_t here = 0;
    begin(audit, bridge->page);
    for (int32_t i = 0; i < count; i++) {
        const struct leat_peer_books *books = &audit->books[i];
        struct audit_peer peer = recall(audit, bridge->page, books->id, &now);
        judge_loss(audit, bridge, &peer, books, &now);
        judge_progress(&peer, books, &now);
        show_peer(bridge->page, books, &peer, &now);
        if (books->left) {
            add_sums(audit->gone, books);
            continue;
        }
        tally_peer(&tally, books, &peer);
        peers[here++] = peer;
    }
    qsort(peers, here, sizeof *peers, compare_ids);
    free(audit->peers);
    audit->peers = peers;
    audit->count = here;
    write_tally(audit, bridge, &tally);
}

void audit_fini(struct audit *audit)
{
    free(audit->books);
    free(audit->peers);
}
