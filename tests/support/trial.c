#include "trial.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char channel_name[64];
static pid_t channel_owner, cleaner;
static void (*clean_up_at_end)(void);

static void remove_channel(void)
{
    if (channel_name[0] && getpid() == channel_owner) {
        leat_channel_remove(NULL, channel_name, 1);
        channel_name[0] = '\0';
    }
}

static void clean_up(void)
{
    if (clean_up_at_end && getpid() == cleaner) {
        clean_up_at_end();
        clean_up_at_end = NULL;
    }
}

void trial_at_end(void (*at_end)(void))
{
    cleaner = getpid();
    clean_up_at_end = at_end;
    atexit(clean_up);
}

void trial_fail(const char *file, int line, const char *condition, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s:%d: %s: %s\n", file, line, condition, text);
    fflush(NULL);
    remove_channel(); /* exit handlers do not run: other threads are at work */
    clean_up();
    _exit(1);
}

const char *trial_channel(const char *what)
{
    static int number;
    if (number == 0) {
        atexit(remove_channel);
    }
    remove_channel();
    channel_owner = getpid();
    snprintf(channel_name, sizeof channel_name, "trial-%s-%d-%d", what, (int)getpid(), number++);
    return channel_name;
}

int64_t trial_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * TRIAL_S + now.tv_nsec;
}

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t trial_random(uint64_t *state)
{
    return mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

void trial_nap_us(long us)
{
    const struct timespec nap = {us / 1000000, us % 1000000 * 1000};
    nanosleep(&nap, NULL);
}

/* ---- messages ---- */

uint64_t trial_tag(unsigned writer, uint64_t counter)
{
    return (uint64_t)writer << 48 | counter;
}

unsigned trial_tag_writer(uint64_t tag)
{
    return (unsigned)(tag >> 48);
}

uint64_t trial_tag_counter(uint64_t tag)
{
    return tag & ((UINT64_C(1) << 48) - 1);
}

size_t trial_len(uint64_t tag, size_t largest)
{
    uint64_t draw = mix(tag + 1);
    size_t kind = draw % 64, size = (size_t)(draw >> 16);
    size_t most = kind == 0 ? largest : kind < 4 ? largest / 4 : kind < 16 ? 2048 : 200;
    if (kind == 0 && draw % 4096 < 1024) {
        return largest;
    }
    return size % ((most < largest ? most : largest) + 1);
}

#define STEP UINT64_C(0x9e3779b97f4a7c15)

void trial_fill(void *data, size_t len, uint64_t tag)
{
    char *at = data;
    uint64_t word = mix(tag ^ (uint64_t)len << 20);
    for (; len >= 8; len -= 8, at += 8, word += STEP) {
        memcpy(at, &word, 8);
    }
    memcpy(at, &word, len);
}

/* Under overwrite policy a writer may be at work on these bytes: that race is the interface's own, and leat_release tells. */
__attribute__((no_sanitize("thread"))) bool trial_matches(const void *data, size_t len, uint64_t tag)
{
    const unsigned char *at = data;
    uint64_t word = mix(tag ^ (uint64_t)len << 20), differs = 0;
    for (; len >= 8; len -= 8, at += 8, word += STEP) {
        uint64_t got;
        __builtin_memcpy(&got, at, 8);
        differs |= got ^ word;
    }
    for (size_t i = 0; i < len; i++) {
        differs |= at[i] ^ (unsigned char)(word >> (8 * i));
    }
    return differs == 0;
}

/* ---- a reader's witness ---- */

void trial_witness_see(struct trial_witness *witness, const struct leat_message *message, bool intact)
{
    unsigned writer = trial_tag_writer(message->tag);
    uint64_t counter = trial_tag_counter(message->tag);
    trial_check(writer < TRIAL_WRITERS, "message %" PRIu64 ": no writer %u ever wrote", message->sequence, writer);
    trial_check(message->len == trial_len(message->tag, witness->largest),
                "message %" PRIu64 " of writer %u, number %" PRIu64 ": %" PRIu64 " bytes instead of %zu",
                message->sequence, writer, counter, message->len, trial_len(message->tag, witness->largest));
    trial_check(intact, "message %" PRIu64 " of writer %u, number %" PRIu64 ", %" PRIu64 " bytes: damaged",
                message->sequence, writer, counter, message->len);

    if (!witness->started && !witness->from_start) {
        witness->next_sequence = message->sequence - message->lost;
        memset(witness->next_counter, 0xff, sizeof witness->next_counter);
    }
    witness->started = true;
    uint64_t expected = witness->next_sequence + message->lost;
    trial_check(message->sequence >= expected, "message %" PRIu64 " after %" PRIu64 " with %" PRIu64 " said to be lost",
                message->sequence, witness->next_sequence, message->lost);
    witness->voids += message->sequence - expected;
    witness->next_sequence = message->sequence + 1;
    witness->read++;
    witness->lost += message->lost;

    uint64_t *next = &witness->next_counter[writer];
    bool known = *next != UINT64_MAX;
    trial_check(!known || counter >= *next, "writer %u: number %" PRIu64 " came after %" PRIu64, writer, counter,
                *next - 1);
    trial_check(!known || !witness->complete || counter == *next,
                "writer %u: number %" PRIu64 " came where %" PRIu64 " was due: lost", writer, counter, *next);
    witness->skipped += known ? counter - *next : 0;
    *next = counter + 1;
}

int trial_witness_take(struct trial_witness *witness, struct leat_reader *reader, enum trial_way how, void *buffer,
                       size_t size, int64_t timeout_ns)
{
    struct leat_message message;
    bool intact = false;
    int error = how == TRIAL_READ ? leat_read(reader, buffer, size, &message, timeout_ns)
                                  : leat_borrow(reader, &message, timeout_ns);
    if (error == 0) {
        intact = trial_matches(message.data, message.len, message.tag);
    }
    if (error == 0 && how == TRIAL_BORROW) {
        error = leat_release(reader);
    }
    if (error == 0) {
        trial_witness_see(witness, &message, intact);
    }
    return error;
}
