/* Edges. W1: a completion frees slots and then stores `tail` (release); the lane loads `tail` (acquire) before it fills one.
 * W2: the lane fills a slot before it stores its state (release); a completion that walks over it loads the state (acquire). */
#include "bridge/window.h"

#include "base/clock.h"
#include "bridge/books.h"

#include <string.h>

#define RESUME_COUNT \
    (WINDOW_SLOTS * 3 / 4) /* a lane that met a full window is woken for a quarter of it, not for one */

void window_init(struct window *window, struct page_lane *books, struct doorbell *bell, uint64_t byte_limit)
{
    memset(window, 0, sizeof *window);
    window->books = books;
    window->bell = bell;
    window->byte_limit = byte_limit;
    pthread_mutex_init(&window->lock, NULL);
}

void window_fini(struct window *window)
{
    pthread_mutex_destroy(&window->lock);
}

void window_serve(struct window *window, void *reader,
                  void (*acknowledge)(void *reader, uint64_t cursor, uint64_t sequence))
{
    window->reader = reader;
    window->acknowledge = acknowledge;
    window->last = window->done = window->told = (struct window_place){0};
}

static struct window_slot *slot_at(struct window *window, uint64_t position)
{
    return &window->slots[position % WINDOW_SLOTS];
}

static uint64_t occupancy(const struct window *window)
{
    uint64_t tail = atomic_load_explicit(&window->tail, memory_order_acquire); /* W1, with advance */
    return atomic_load_explicit(&window->head, memory_order_relaxed) - tail;
}

bool window_is_empty(const struct window *window)
{
    return occupancy(window) == 0;
}

bool window_has_room(const struct window *window)
{
    uint64_t count = occupancy(window);
    uint64_t bytes = window->bytes_in - atomic_load_explicit(&window->bytes_out, memory_order_relaxed);
    return count == 0 || (count < WINDOW_SLOTS && bytes < window->byte_limit);
}

struct window_slot *window_next(struct window *window)
{
    return slot_at(window, atomic_load_explicit(&window->head, memory_order_relaxed));
}

static struct window_place place_of(const struct leat_message *message)
{
    return (struct window_place){.cursor = message->cursor, .count = message->sequence + 1};
}

/* A message takes the next slot, in a state that a completion may already look at. */
static uint32_t enter_at(struct window *window, struct window_place place, bool was_held, uint64_t bytes,
                         uint64_t published_ns, uint32_t state)
{
    uint64_t position = atomic_load_explicit(&window->head, memory_order_relaxed);
    struct window_slot *slot = slot_at(window, position);
    slot->place = place;
    slot->was_held = was_held;
    slot->bytes = bytes;
    slot->published_ns = published_ns;
    window->bytes_in += bytes;
    atomic_store_explicit(&window->head, position + 1, memory_order_relaxed);
    atomic_store_explicit(&slot->state, state, memory_order_release); /* W2, with advance */
    return (uint32_t)(position % WINDOW_SLOTS);
}

static uint32_t enter(struct window *window, const struct leat_message *message, uint64_t bytes, uint32_t state)
{
    window->last = place_of(message);
    return enter_at(window, window->last, false, bytes, window->timed ? message->time_ns : 0, state);
}

uint32_t window_push(struct window *window, const struct leat_message *message)
{
    books_share(&window->books->in_flight, 1);
    return enter(window, message, message->len, WINDOW_SENDING);
}

/* ---- under the lock ------------------------------------------------------------------------------------------------ */

static void unlink_hold(struct window *window, struct window_hold *hold)
{
    *(hold->older ? &hold->older->newer : &window->oldest) = hold->newer;
    *(hold->newer ? &hold->newer->older : &window->newest) = hold->older;
}

/* What was held comes later than what overtook it. */
static void leave(struct window *window, struct window_slot *slot)
{
    if (slot->was_held)
        unlink_hold(window, &slot->hold);
    if (!slot->was_held || slot->place.count > window->done.count)
        window->done = slot->place;
}

static void acknowledge(struct window *window)
{
    const struct window_place *to = &window->done;
    if (window->oldest && window->oldest->before.count < to->count)
        to = &window->oldest->before;
    if (to->count == window->told.count && to->cursor == window->told.cursor)
        return;
    window->told = *to;
    if (window->acknowledge)
        window->acknowledge(window->reader, to->cursor, to->count - 1);
}

/* Everything finished at the old end leaves, and the reader's position with it. The acknowledgement comes before the new tail, so
 * that a lane that sees an empty window may close the reader. */
static void advance(struct window *window)
{
    uint64_t tail = atomic_load_explicit(&window->tail, memory_order_relaxed), before = tail, bytes = 0;
    for (;; tail++) {
        struct window_slot *slot = slot_at(window, tail);
        if (atomic_load_explicit(&slot->state, memory_order_acquire) != WINDOW_DONE) /* W2 */
            break;
        atomic_store_explicit(&slot->state, WINDOW_FREE, memory_order_relaxed);
        bytes += slot->bytes;
        leave(window, slot);
    }
    if (tail == before)
        return;
    acknowledge(window);
    books_add(&window->bytes_out, bytes);
    atomic_store_explicit(&window->tail, tail, memory_order_release); /* W1, with occupancy */
}

/* Whether a lane that sleeps for room, for an empty window or for something to mend should look. */
static bool worth_a_look(const struct window *window)
{
    return occupancy(window) <= RESUME_COUNT || window_has_failed(window);
}

void window_pass(struct window *window, const struct leat_message *message, int32_t reason)
{
    books_share(&window->books->dropped[reason], 1);
    enter(window, message, 0, WINDOW_DONE);
    pthread_mutex_lock(&window->lock);
    advance(window);
    pthread_mutex_unlock(&window->lock);
}

/* ---- messages that are held ------------------------------------------------------------------------------------------ */

void window_hold(struct window *window, const struct leat_message *message, struct window_hold *hold)
{
    books_share(&window->books->in_flight, 1);
    window->held++;
    hold->before = window->last;
    window->last = place_of(message);
    pthread_mutex_lock(&window->lock);
    hold->older = window->newest;
    hold->newer = NULL;
    *(window->newest ? &window->newest->newer : &window->oldest) = hold;
    window->newest = hold;
    pthread_mutex_unlock(&window->lock);
}

/* It takes the next slot, and what follows it along. */
static uint32_t enter_held(struct window *window, struct window_hold *hold, const struct leat_message *message,
                           uint64_t bytes, uint32_t state)
{
    struct window_hold *kept = &window_next(window)->hold;
    window->held--;
    pthread_mutex_lock(&window->lock);
    *kept = *hold;
    *(kept->older ? &kept->older->newer : &window->oldest) = kept;
    *(kept->newer ? &kept->newer->older : &window->newest) = kept;
    pthread_mutex_unlock(&window->lock);
    return enter_at(window, place_of(message), true, bytes, 0, state); /* it was not to go at once */
}

uint32_t window_push_held(struct window *window, struct window_hold *hold, const struct leat_message *message)
{
    return enter_held(window, hold, message, message->len, WINDOW_SENDING);
}

void window_drop_held(struct window *window, struct window_hold *hold, const struct leat_message *message,
                      int32_t reason)
{
    books_share(&window->books->dropped[reason], 1);
    atomic_fetch_sub_explicit(&window->books->in_flight, 1, memory_order_relaxed);
    enter_held(window, hold, message, 0, WINDOW_DONE);
    pthread_mutex_lock(&window->lock);
    advance(window);
    pthread_mutex_unlock(&window->lock);
}

/* ---- the end of a message --------------------------------------------------------------------------------------------- */

static void time_entry(struct page_lane *books, uint64_t published_ns)
{
    uint64_t now_ns = (uint64_t)clock_realtime_ns();
    page_latency_add(&books->latency,
                     now_ns > published_ns ? now_ns - published_ns : 0); /* that clock may be set back */
}

static void close_entry(struct window *window, const struct window_slot *slot, int32_t reason)
{
    struct page_lane *books = window->books;
    if (reason == LEAT_FORWARD) {
        books_add(&books->forwarded, 1);
        books_add(&books->forwarded_bytes, slot->bytes);
        if (slot->published_ns)
            time_entry(books, slot->published_ns);
    } else {
        books_share(&books->dropped[reason], 1);
    }
    atomic_fetch_sub_explicit(&books->in_flight, 1, memory_order_relaxed);
}

void window_finish(struct window *window, uint32_t index, int32_t reason)
{
    struct window_slot *slot = &window->slots[index];
    pthread_mutex_lock(&window->lock);
    if (!window->abandoned) {
        close_entry(window, slot, reason);
        atomic_store_explicit(&slot->state, WINDOW_DONE, memory_order_relaxed);
        advance(window);
    }
    bool look = worth_a_look(window);
    pthread_mutex_unlock(&window->lock);
    if (look)
        doorbell_ring(window->bell);
}

void window_retry(struct window *window, uint32_t index)
{
    pthread_mutex_lock(&window->lock);
    atomic_store_explicit(&window->slots[index].state, WINDOW_FAILED, memory_order_relaxed);
    atomic_fetch_add_explicit(&window->failed, 1, memory_order_release);
    pthread_mutex_unlock(&window->lock);
    doorbell_ring(window->bell);
}

bool window_has_failed(const struct window *window)
{
    return atomic_load_explicit(&window->failed, memory_order_acquire) > 0;
}

static uint64_t count_in(const struct window *window, uint32_t state)
{
    uint64_t count = 0;
    for (size_t i = 0; i < WINDOW_SLOTS; i++)
        count += atomic_load_explicit(&window->slots[i].state, memory_order_acquire) == state;
    return count;
}

bool window_is_settled(const struct window *window)
{
    return count_in(window, WINDOW_SENDING) == 0;
}

int window_mend(struct window *window)
{
    uint64_t position = atomic_load_explicit(&window->tail, memory_order_acquire);
    uint64_t head = atomic_load_explicit(&window->head, memory_order_relaxed);
    for (; position < head; position++) {
        struct window_slot *slot = slot_at(window, position);
        if (atomic_load_explicit(&slot->state, memory_order_acquire) != WINDOW_FAILED)
            continue;
        atomic_store_explicit(&slot->state, WINDOW_SENDING, memory_order_relaxed);
        atomic_fetch_sub_explicit(&window->failed, 1, memory_order_relaxed);
        return (int)(position % WINDOW_SLOTS);
    }
    return -1;
}

uint64_t window_abandon(struct window *window, bool durable)
{
    pthread_mutex_lock(&window->lock);
    window->abandoned = true;
    uint64_t unfinished = window->held + count_in(window, WINDOW_SENDING) + count_in(window, WINDOW_FAILED);
    if (durable)
        books_add(&window->books->returned, unfinished);
    else
        books_share(&window->books->dropped[LEAT_DROP_SHUTDOWN], unfinished);
    books_set(&window->books->in_flight, 0);
    pthread_mutex_unlock(&window->lock);
    return unfinished;
}
