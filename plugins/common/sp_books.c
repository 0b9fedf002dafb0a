/* Edges. O: the lane counts a message as offered (release) before nng gets it; who looks loads the count (acquire) before and after it
 * reads what nng has written. */
#include "common/sp_books.h"

#include "common/sp_address.h"
#include "common/sp_loss.h"
#include "common/sp_stats.h"
#include "common/sp_written.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)
#define LOOK_PAUSE_NS INT64_C(4000000) /* of the lane, between two looks; */
#define LOOK_SHARE 50                  /* and it looks for one in so many parts of its time at most */
#define NEVER_FULL (UINT64_MAX / 4)
#define WRITING 1u         /* messages that a pipe has beside its queue */
#define LEFT_MOST 4096u    /* peers that are remembered until somebody asks */
#define LOOK_BACK_MOST 64u /* peers at most, for a last look at one that leaves */

struct sp_books_peer {
    struct sp_books_peer *next; /* of those that left */
    struct leat_peer_books books;
    bool connected;
    uint64_t base, base_bytes;     /* offered before it came */
    uint64_t spared, spared_bytes; /* and since then, but not to it */
    struct sp_loss loss;
};

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static uint64_t offered_so_far(const struct sp_books *books)
{
    return atomic_load_explicit(&books->offered, memory_order_acquire); /* O */
}

/* ---- who is here; under the lock ------------------------------------------------------------------------------------- */

/* Where one with this number is, or would be. */
static uint32_t place_of(const struct sp_books *books, uint32_t id)
{
    uint32_t low = 0, high = books->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (books->here[middle]->books.id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct sp_books_peer *find(const struct sp_books *books, uint32_t id)
{
    uint32_t place = place_of(books, id);
    return place < books->count && books->here[place]->books.id == id ? books->here[place] : NULL;
}

static bool make_room(struct sp_books *books)
{
    if (books->count < books->capacity)
        return true;
    uint32_t capacity = books->capacity ? 2 * books->capacity : 8;
    struct sp_books_peer **here = realloc(books->here, capacity * sizeof *here);
    if (!here)
        return false;
    books->here = here;
    books->capacity = capacity;
    return true;
}

static void enter(struct sp_books *books, uint32_t id, uint32_t counted)
{
    struct sp_books_peer *peer = make_room(books) ? calloc(1, sizeof *peer) : NULL;
    if (!peer)
        return; /* it is served, and has no books */
    uint32_t place = place_of(books, id);
    peer->books = (struct leat_peer_books){.id = id, .counted = counted, .may_lose = books->drops};
    memmove(&books->here[place + 1], &books->here[place], (books->count - place) * sizeof *books->here);
    books->here[place] = peer;
    books->count++;
}

static struct sp_books_peer *take_out(struct sp_books *books, uint32_t id)
{
    struct sp_books_peer *peer = find(books, id);
    if (!peer)
        return NULL;
    uint32_t place = place_of(books, id);
    books->count--;
    memmove(&books->here[place], &books->here[place + 1], (books->count - place) * sizeof *books->here);
    return peer;
}

static void remember(struct sp_books *books, struct sp_books_peer *peer)
{
    if (books->left_count == LEFT_MOST) { /* nobody asks */
        struct sp_books_peer *oldest = books->left;
        books->left = oldest->next;
        books->left_count--;
        free(oldest);
    }
    peer->next = NULL;
    *(books->left ? &books->left_last->next : &books->left) = peer;
    books->left_last = peer;
    books->left_count++;
}

/* ---- looking at what was written -------------------------------------------------------------------------------------- */

static uint64_t room_of(const struct sp_books *books)
{
    return books->overflows ? books->room + WRITING : NEVER_FULL;
}

static uint64_t offered_to(const struct sp_books_peer *peer, uint64_t offered)
{
    uint64_t before = peer->base + peer->spared;
    return offered > before ? offered - before : 0;
}

static void take_counters(struct sp_books_peer *peer, nng_stat *node)
{
    peer->books.sent_messages = sp_stats_value(node, "tx_msgs");
    peer->books.sent_bytes = sp_stats_value(node, "tx_bytes");
    peer->books.received_messages = sp_stats_value(node, "rx_msgs");
    peer->books.received_bytes = sp_stats_value(node, "rx_bytes");
}

/* When the lane has to look again. Under the lock. */
static void plan_next(struct sp_books *books)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; books->drops && i < books->count; i++) {
        const struct sp_books_peer *peer = books->here[i];
        uint64_t at = peer->base + peer->spared + sp_loss_safe_until(&peer->loss, room_of(books));
        if (peer->connected && peer->books.counted && at < next)
            next = at;
    }
    atomic_store_explicit(&books->look_at, next, memory_order_relaxed);
}

static void look(struct sp_books *books)
{
    nng_stat *all;
    uint64_t before = offered_so_far(books);
    if (nng_stats_get(&all) != 0)
        return;
    uint64_t after = offered_so_far(books);
    pthread_mutex_lock(&books->lock);
    for (nng_stat *node = nng_stat_child(all); node; node = nng_stat_next(node)) {
        if (strcmp(nng_stat_name(node), "pipe") != 0)
            continue;
        struct sp_books_peer *peer = find(books, (uint32_t)sp_stats_value(node, "id"));
        if (!peer || !peer->connected || !peer->books.counted ||
            peer->books.sent_messages > sp_stats_value(node, "tx_msgs"))
            continue;
        take_counters(peer, node);
        if (books->drops)
            sp_loss_look(&peer->loss, room_of(books), offered_to(peer, before), offered_to(peer, after),
                         peer->books.sent_messages);
    }
    plan_next(books);
    pthread_mutex_unlock(&books->lock);
    nng_stats_free(all);
}

/* The lane's. Nothing is offered meanwhile, so this look is exact. */
static void look_in_passing(struct sp_books *books)
{
    int64_t looked = atomic_load_explicit(&books->looked_ns, memory_order_relaxed);
    int64_t pause = LOOK_SHARE * atomic_load_explicit(&books->look_ns, memory_order_relaxed);
    if (now_ns(CLOCK_MONOTONIC_COARSE) - looked < (pause > LOOK_PAUSE_NS ? pause : LOOK_PAUSE_NS))
        return;
    int64_t begun = now_ns(CLOCK_MONOTONIC);
    look(books);
    int64_t ended = now_ns(CLOCK_MONOTONIC);
    atomic_store_explicit(&books->look_ns, ended - begun, memory_order_relaxed);
    atomic_store_explicit(&books->looked_ns, ended, memory_order_relaxed);
}

/* ---- reckoning ---------------------------------------------------------------------------------------------------- */

static uint64_t less(uint64_t value, uint64_t by)
{
    return value > by ? value - by : 0;
}

/* Bytes of everything offered up to message `number`; false: that is too long ago. */
static bool bytes_until(const struct sp_books *books, uint64_t number, uint64_t *bytes)
{
    *bytes = atomic_load_explicit(&books->sums[number & books->sums_mask], memory_order_relaxed);
    return offered_so_far(books) - number < books->sums_mask;
}

/* A publisher's queue drops the oldest, so what is queued is what was offered last: up to message `number`. */
static void reckon_bytes(const struct sp_books *books, struct sp_books_peer *peer, uint64_t number)
{
    struct leat_peer_books *to = &peer->books;
    uint64_t until, before;
    if (!bytes_until(books, number, &until))
        return;
    uint64_t offered = less(until, peer->base_bytes + peer->spared_bytes);
    to->offered_bytes = offered > to->sent_bytes ? offered : to->sent_bytes;
    uint64_t unsent = to->offered_bytes - to->sent_bytes, queued = unsent;
    if (to->lost_messages > 0 && bytes_until(books, less(number, to->queued_messages), &before))
        queued = less(until, before);
    uint64_t lost = less(unsent, queued);
    if (lost > to->lost_bytes)
        to->lost_bytes = lost;
    to->queued_bytes = less(unsent, to->lost_bytes);
}

/* What follows from the last look. */
static void reckon(const struct sp_books *books, struct sp_books_peer *peer)
{
    struct leat_peer_books *to = &peer->books;
    const struct sp_loss *loss = &peer->loss;
    if (!books->drops)
        return;
    to->queue = books->room;
    if (to->counted) {
        to->offered_messages = loss->offered;
        to->lost_messages = loss->lost;
        to->queued_messages = sp_loss_queued(loss);
        reckon_bytes(books, peer, peer->base + peer->spared + less(loss->offered, loss->early));
    } else {
        uint64_t offered = offered_so_far(books);
        uint64_t bytes;
        to->offered_messages = offered_to(peer, offered);
        if (bytes_until(books, offered, &bytes))
            to->offered_bytes = less(bytes, peer->base_bytes + peer->spared_bytes);
    }
}

/* ---- what comes and goes ----------------------------------------------------------------------------------------------- */

static void connect_peer(struct sp_books *books, uint32_t id)
{
    struct sp_books_peer *peer = find(books, id);
    if (!peer)
        return;
    peer->connected = true;
    peer->books.since_ns = now_ns(CLOCK_MONOTONIC);
    peer->base = offered_so_far(books);
    if (books->drops)
        peer->base_bytes = atomic_load_explicit(&books->sums[peer->base & books->sums_mask], memory_order_relaxed);
    plan_next(books);
}

/* nng keeps a pipe's counters until it has told of its end; and what was offered after its end was not for it. */
static void look_back(struct sp_books *books, struct sp_books_peer *peer)
{
    nng_stat *all;
    if (peer->books.counted && books->count <= LOOK_BACK_MOST && nng_stats_get(&all) == 0) {
        nng_stat *node = sp_stats_find(all, "pipe", peer->books.id);
        if (node)
            take_counters(peer, node);
        nng_stats_free(all);
    }
    if (books->drops && peer->books.counted)
        sp_loss_end(&peer->loss, room_of(books), offered_to(peer, offered_so_far(books)), peer->books.sent_messages);
}

static void disconnect_peer(struct sp_books *books, uint32_t id)
{
    struct sp_books_peer *peer = take_out(books, id);
    if (!peer)
        return;
    if (!peer->connected) { /* it never was one */
        free(peer);
        return;
    }
    look_back(books, peer);
    reckon(books, peer);
    peer->books.left = 1;
    peer->books.until_ns = now_ns(CLOCK_MONOTONIC);
    sp_peers_describe(books->peers, &peer->books);
    remember(books, peer);
    plan_next(books);
}

void sp_books_pipe(struct sp_books *books, nng_pipe pipe, nng_pipe_ev event)
{
    char address[128];
    uint32_t id = (uint32_t)nng_pipe_id(pipe);
    uint32_t counted = event == NNG_PIPE_EV_ADD_PRE ? sp_address_of_pipe(pipe, address, sizeof address) : 0;
    pthread_mutex_lock(&books->lock);
    if (event == NNG_PIPE_EV_ADD_PRE)
        enter(books, id, counted);
    else if (event == NNG_PIPE_EV_ADD_POST)
        connect_peer(books, id);
    else
        disconnect_peer(books, id);
    pthread_mutex_unlock(&books->lock);
}

static void spare(struct sp_books *books, uint32_t id, uint64_t bytes)
{
    pthread_mutex_lock(&books->lock);
    struct sp_books_peer *peer = find(books, id);
    if (peer && peer->connected) {
        peer->spared++;
        peer->spared_bytes += bytes;
    }
    pthread_mutex_unlock(&books->lock);
}

void sp_books_offer(struct sp_books *books, uint64_t bytes, uint32_t except)
{
    uint64_t number = atomic_load_explicit(&books->offered, memory_order_relaxed);
    if (number >= atomic_load_explicit(&books->look_at, memory_order_relaxed))
        look_in_passing(books);
    books->bytes += bytes;
    atomic_store_explicit(&books->sums[(number + 1) & books->sums_mask], books->bytes, memory_order_relaxed);
    atomic_store_explicit(&books->offered, number + 1, memory_order_release); /* O, with look */
    if (except)
        spare(books, except, bytes);
}

void sp_books_shrink(struct sp_books *books, uint32_t room)
{
    pthread_mutex_lock(&books->lock);
    books->room = room;
    plan_next(books);
    pthread_mutex_unlock(&books->lock);
}

/* ---- telling ----------------------------------------------------------------------------------------------------------- */

static void write_out(struct leat_peer_books **out, const struct leat_peer_books *books)
{
    uint32_t size = (*out)->size;
    memcpy(*out, books, size < sizeof *books ? size : sizeof *books);
    (*out)->size = size;
    *out = (struct leat_peer_books *)((char *)*out + size);
}

static void tell_left(struct sp_books *books, struct leat_peer_books **out)
{
    for (struct sp_books_peer *peer; (peer = books->left) != NULL; free(peer)) {
        books->left = peer->next;
        write_out(out, &peer->books);
    }
    books->left_count = 0;
}

static uint32_t count_all(const struct sp_books *books)
{
    uint32_t count = books->left_count;
    for (uint32_t i = 0; i < books->count; i++)
        count += books->here[i]->connected;
    return count;
}

int32_t sp_books_list(struct sp_books *books, struct leat_peer_books *out, uint32_t max)
{
    if (max > 0)
        look(books);
    pthread_mutex_lock(&books->lock);
    uint32_t count = count_all(books);
    if (count <= max) {
        tell_left(books, &out);
        for (uint32_t i = 0; i < books->count; i++) {
            struct sp_books_peer *peer = books->here[i];
            if (!peer->connected)
                continue;
            sp_peers_describe(books->peers, &peer->books);
            if (sp_loss_is_doubtful(&peer->loss) && sp_written_all(peer->books.address))
                sp_loss_nothing_waits(&peer->loss);
            reckon(books, peer);
            write_out(&out, &peer->books);
        }
        plan_next(books);
    }
    pthread_mutex_unlock(&books->lock);
    return (int32_t)count;
}

/* ---- the life of it ---------------------------------------------------------------------------------------------------- */

int sp_books_init(struct sp_books *books, struct sp_peers *peers, uint32_t room, bool overflows)
{
    *books = (struct sp_books){.peers = peers, .drops = room > 0, .overflows = overflows, .room = room};
    atomic_init(&books->look_at, UINT64_MAX);
    uint32_t sums = 4096; /* with what may be offered between a look and its reckoning */
    while (sums < 2 * room)
        sums *= 2;
    if (books->drops && !(books->sums = calloc(sums, sizeof *books->sums)))
        return NNG_ENOMEM;
    books->sums_mask = sums - 1;
    pthread_mutex_init(&books->lock, NULL);
    return 0;
}

void sp_books_fini(struct sp_books *books)
{
    if (!books->peers)
        return;
    for (uint32_t i = 0; i < books->count; i++)
        free(books->here[i]);
    for (struct sp_books_peer *peer; (peer = books->left) != NULL; free(peer))
        books->left = peer->next;
    free(books->here);
    free(books->sums);
    pthread_mutex_destroy(&books->lock);
}
