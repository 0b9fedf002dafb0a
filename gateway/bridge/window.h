/* The messages of an outward lane that are in the engine's hands: a window of slots in the order they were read.
 *
 *     lane: window_next -> fill -> window_push -> send            engine, any thread, any order: window_finish, window_retry
 *
 * The reader's position follows the finished messages at the old end without a gap, and moves in the completion itself:
 * the producer of a `block` channel may be waiting for exactly that, while the lane sleeps for the producer's next message.
 * The window also keeps the books of what leaves it: forwarded, dropped, in flight.
 *
 * Threads: the lane calls everything but window_finish and window_retry, which are for completions. */
#ifndef LEAT_BRIDGE_WINDOW_H
#define LEAT_BRIDGE_WINDOW_H

#include "base/page.h"
#include "bridge/doorbell.h"

#include <leat/plugin/channel.h>
#include <leat/plugin/pattern.h>

#include <pthread.h>
#include <stdbool.h>

#define WINDOW_SLOTS 64u

/* How far a reader has come: the cursor of a message, and its sequence plus one; 0 before the first. */
struct window_place {
    uint64_t cursor, count;
};

/* A message that is not over and is not in its turn: kept back by the pattern, or sent after that. What came before it may be
 * acknowledged, it and what came later may not. */
struct window_hold {
    struct window_hold *older, *newer;
    struct window_place before;
};

enum window_state { WINDOW_FREE = 0, WINDOW_SENDING, WINDOW_FAILED, WINDOW_DONE };

struct window_slot {
    struct leat_packet packet; /* stays put while the engine has it */
    struct window_place place; /* of the message, for its acknowledgement */
    uint64_t bytes;
    struct window_hold hold; /* of a message that was held */
    bool was_held;
    uint64_t published_ns;  /* CLOCK_REALTIME, of a message whose latency is measured; 0: of others */
    _Atomic uint32_t state; /* enum window_state */
};

struct window {
    struct window_slot slots[WINDOW_SLOTS];
    struct page_lane *books;
    struct doorbell *bell; /* the lane's: rung when there is reason to look */
    uint64_t byte_limit;
    void (*acknowledge)(void *reader, uint64_t cursor, uint64_t sequence);
    void *reader;

    _Alignas(64) _Atomic uint64_t head; /* messages that entered; written by the lane */
    uint64_t bytes_in, held;
    bool timed;               /* measure the latency of the next message */
    struct window_place last; /* message that was read */

    _Alignas(64) pthread_mutex_t lock; /* of everything below, and of acknowledge */
    _Atomic uint64_t tail;             /* messages that left */
    _Atomic uint64_t bytes_out;
    _Atomic uint32_t failed;  /* slots that wait to be sent again */
    bool abandoned;           /* the books are closed: completions come too late */
    struct window_place done; /* the furthest message at the old end */
    struct window_place told; /* the last acknowledgement */
    struct window_hold *oldest, *newest;
};

void window_init(struct window *window, struct page_lane *books, struct doorbell *bell, uint64_t byte_limit);
void window_fini(struct window *window);

/* Whose messages these are from now on; only while the window is empty. `acknowledge` may be NULL. */
void window_serve(struct window *window, void *reader,
                  void (*acknowledge)(void *reader, uint64_t cursor, uint64_t sequence));

bool window_is_empty(const struct window *window);
/* Room for one more: a slot is free, and the bytes are below the limit or the window is empty. */
bool window_has_room(const struct window *window);
/* The slot of the next message; there must be room. */
struct window_slot *window_next(struct window *window);
/* The next message goes to the engine: its slot's index, to be submitted at once. */
uint32_t window_push(struct window *window, const struct leat_message *message);
/* The next message goes nowhere: dropped for `reason`, acknowledged in its turn. */
void window_pass(struct window *window, const struct leat_message *message, int32_t reason);

/* The next message is kept back, and needs no room: it is in flight, and `hold` stays put, until one of the next two calls. */
void window_hold(struct window *window, const struct leat_message *message, struct window_hold *hold);
/* A held message goes to the engine, as window_push; or nowhere, as window_pass. Both need room. */
uint32_t window_push_held(struct window *window, struct window_hold *hold, const struct leat_message *message);
void window_drop_held(struct window *window, struct window_hold *hold, const struct leat_message *message,
                      int32_t reason);

/* A message is over: forwarded (LEAT_FORWARD), or dropped for a reason. */
void window_finish(struct window *window, uint32_t index, int32_t reason);
/* A message could not be sent this time. */
void window_retry(struct window *window, uint32_t index);

bool window_has_failed(const struct window *window);
/* Nothing is with the engine: everything is finished or has failed. */
bool window_is_settled(const struct window *window);
/* The oldest message that failed is to be submitted again: its slot's index, or -1 when there is none. Order is kept when that
 * is done one by one while the window is settled. */
int window_mend(struct window *window);

/* Ends the account of what is unfinished: `durable` messages return to their channel, others are dropped by the shutdown.
 * Later completions count nothing. Returns how many there were. */
uint64_t window_abandon(struct window *window, bool durable);

#endif
