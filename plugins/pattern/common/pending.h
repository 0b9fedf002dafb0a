/* Open questions: each has a key, a value (the way back for its answer) and a time limit.
 *
 *     a question passes  -> pending_open()   draws its key
 *     an answer passes   -> pending_answer() finds the value by the key, once or often
 *
 * Keys are drawn by counting on from a random number, so that a key of another table, or of this worker's predecessor, is not
 * one of ours. What the table remembers of a question that is over tells what is wrong with a late answer:
 *
 *     not drawn here                                -> LEAT_DROP_UNKNOWN
 *     past its limit, or forgotten to make room     -> LEAT_DROP_EXPIRED
 *     answered, and one answer was due              -> LEAT_DROP_DUPLICATE
 *
 * A question that is answered is remembered until its time limit, and makes room for a new one before that when it must; one that is
 * open is never pushed out before its limit. All calls are from any thread; each takes constant time, and there is one allocation. */
#ifndef LEAT_PENDING_H
#define LEAT_PENDING_H

#include <leat/plugin/pattern.h>

#include <stdbool.h>
#include <stdint.h>

#define PENDING_MAX (UINT32_C(1) << 24)

struct pending;

/* Room for `capacity` (1 .. PENDING_MAX) questions with values of `value_size` bytes. Keys have the bits of `key_mask`
 * (2^n - 1). 0, -ENOMEM, or as chance_draw. */
int pending_new(struct pending **pending, uint32_t capacity, uint32_t value_size, uint64_t key_mask);
void pending_free(struct pending *pending); /* NULL is harmless */

/* Keeps a copy of `value` until `until_ns` (of CLOCK_MONOTONIC, as `now_ns`), under a new key. False: all questions that there is room
 * for are open. */
bool pending_open(struct pending *pending, const void *value, int64_t now_ns, int64_t until_ns, uint64_t *key);

/* Copies the value of an open question. `last`: this is the one answer that is due. Returns LEAT_FORWARD or why the answer is
 * to be dropped. */
enum leat_reason pending_answer(struct pending *pending, uint64_t key, int64_t now_ns, bool last, void *value);

#endif
