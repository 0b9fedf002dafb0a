/* A series of messages that both ends can compute, and the account that a receiver keeps of it. Message i of sender s has the
 * size sizes[i % n], the number i and the sender in its first 8 bytes (little endian; as many as fit), and a pattern behind them that
 * depends on i. For C and C++: the model's peer and the library's own (tests/interop/cppipc) speak of the same series. */
#ifndef TESTS_MODEL_CPPIPC_SERIES_H
#define TESTS_MODEL_CPPIPC_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_SENDERS 16u
#define SERIES_SIZES 32u
#define SERIES_PERIOD 251u /* of the pattern: no divisor of anything here */

struct series {
    size_t sizes[SERIES_SIZES];
    unsigned size_count;
    unsigned char *pattern;
};

struct series_account {
    uint64_t received, bytes, bad, lost, doubled, disordered;
    uint64_t next[SERIES_SENDERS];
    uint64_t since; /* the first number that is expected of each sender, unless it is met later */
    bool started[SERIES_SENDERS];
};

static inline size_t series_size(const struct series *series, uint64_t number)
{
    return series->sizes[number % series->size_count];
}

static inline size_t series_largest(const struct series *series)
{
    size_t largest = 8;
    for (unsigned i = 0; i < series->size_count; i++)
        largest = series->sizes[i] > largest ? series->sizes[i] : largest;
    return largest;
}

static inline bool series_init(struct series *series)
{
    size_t bytes = series_largest(series) + SERIES_PERIOD;
    series->pattern = (unsigned char *)malloc(bytes);
    for (size_t i = 0; series->pattern && i < bytes; i++)
        series->pattern[i] = (unsigned char)(i % SERIES_PERIOD);
    return series->pattern != NULL;
}

static inline void series_fill(const struct series *series, unsigned sender, uint64_t number, void *data)
{
    size_t size = series_size(series, number);
    uint64_t head = number | (uint64_t)sender << 48;
    memcpy(data, series->pattern + number * 31 % SERIES_PERIOD, size);
    memcpy(data, &head, size < 8 ? size : 8);
}

static inline bool series_is(const struct series *series, uint64_t head, const unsigned char *data, size_t size)
{
    uint64_t number = head & ((UINT64_C(1) << 48) - 1);
    if (size != series_size(series, number))
        return false;
    if (size <= 8)
        return memcmp(data, &head, size) == 0;
    return memcmp(data + 8, series->pattern + number * 31 % SERIES_PERIOD + 8, size - 8) == 0;
}

static inline void series_enter(struct series_account *account, unsigned sender, uint64_t number)
{
    uint64_t *next = &account->next[sender];
    if (!account->started[sender]) {
        account->started[sender] = true;
        *next = number;
    }
    if (number + 1 == *next)
        account->doubled++;
    else if (number < *next)
        account->disordered++;
    else
        account->lost += number - *next;
    *next = number >= *next ? number + 1 : *next;
}

/* Judges one message. What is shorter than 8 bytes carries too little of its number: it has to be the next of sender 0. */
static inline void series_see(struct series_account *account, const struct series *series, const void *data,
                              size_t size)
{
    uint64_t head = account->next[0];
    if (size >= 8)
        memcpy(&head, data, 8);
    unsigned sender = (unsigned)(head >> 48) % SERIES_SENDERS;
    account->received++;
    account->bytes += size;
    if (!series_is(series, head, (const unsigned char *)data, size))
        account->bad++;
    else
        series_enter(account, sender, head & ((UINT64_C(1) << 48) - 1));
}

#endif
