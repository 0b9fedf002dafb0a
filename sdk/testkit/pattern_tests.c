/* What a pattern asks of its bridge, and its hooks on any message. */
#include "allocation.h"
#include "pattern_calls.h"
#include "subject.h"
#include "tests.h"
#include "traces.h"
#include "ways.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS 20000
#define LARGE_BYTES (UINT64_C(16) << 20)

/* ---- bytes that may be read and nothing else ------------------------------------------------------------------------- */

/* A block whose end is the end of what may be touched, and which cannot be written. */
struct glass {
    unsigned char *start, *end;
};

static struct glass glass_new(uint64_t size, uint64_t seed)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = ((size_t)size + page - 1) / page * page;
    unsigned char *start = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    test_require(start != MAP_FAILED, "the suite ran out of memory");
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t word = test_random(&seed);
        memcpy(start + i, &word, 8);
    }
    mprotect(start, bytes, PROT_READ);
    mprotect(start + bytes, page, PROT_NONE);
    return (struct glass){start, start + bytes};
}

/* The last `len` bytes of it. */
static const void *glass_bytes(const struct glass *glass, uint64_t len)
{
    return glass->end - len;
}

/* ---- any message ----------------------------------------------------------------------------------------------------- */

static uint64_t random_len(uint64_t *state, uint64_t most)
{
    uint64_t draw = test_random(state);
    return draw % 8 == 0 ? draw / 8 % 5 : draw % 64 == 1 ? most : draw / 64 % (most + 1);
}

static struct leat_message random_message(uint64_t *state, const struct glass *glass, uint64_t most)
{
    uint64_t len = random_len(state, most);
    return (struct leat_message){.data = glass_bytes(glass, len),
                                 .len = len,
                                 .sequence = test_random(state),
                                 .time_ns = test_random(state),
                                 .tag = test_random(state) >> test_random(state) % 64,
                                 .cursor = test_random(state),
                                 .origin = (uint32_t)test_random(state)};
}

static struct leat_packet random_packet(uint64_t *state, const struct glass *glass, uint64_t most)
{
    uint64_t len = random_len(state, most);
    struct leat_packet packet = {.data = (void *)(uintptr_t)glass_bytes(glass, len),
                                 .len = len,
                                 .engine = &packet,
                                 .peer = (uint32_t)(test_random(state) >> test_random(state) % 64)};
    packet.header_len =
        (uint32_t)(test_random(state) % 4 ? test_random(state) % 5 * 4 : test_random(state) % (LEAT_HEADER_MAX + 1));
    for (uint32_t i = 0; i < packet.header_len; i++)
        packet.header[i] = (uint8_t)test_random(state);
    if (packet.header_len >= 4 && test_random(state) % 2)
        packet.header[packet.header_len - 4] |= 0x80;
    packet.engine = NULL;
    return packet;
}

/* Both hooks on so many random messages, as the lanes of that bridge would call them. */
static void shake(void *self, const struct leat_bridge_view *view, uint64_t seed, unsigned rounds)
{
    struct glass glass = glass_new(4096, seed);
    struct leat_outward out;
    struct leat_inward in;
    for (unsigned i = 0; i < rounds; i++) {
        struct leat_message message = random_message(&seed, &glass, 4096);
        struct leat_packet packet = random_packet(&seed, &glass, 4096);
        struct leat_packet before = packet;
        pattern_outward(self, (uint32_t)(test_random(&seed) % view->channel_count), &message, &out);
        int32_t reason = pattern_inward(self, view, &packet, &in);
        test_require(memcmp(&before, &packet, sizeof packet) == 0, "inward() changed the packet that it was shown");
        message.tag = in.tag; /* perhaps the answer to what has just come in */
        if (reason == LEAT_FORWARD)
            pattern_outward(self, 0, &message, &out);
    }
    munmap(glass.start, (size_t)(glass.end - glass.start) + (size_t)sysconf(_SC_PAGESIZE));
}

/* Creates an instance for every bridge that check() accepts. */
static void each_instance(void (*each)(void *self, const struct leat_bridge_view *view))
{
    const void *values = subject_values();
    unsigned tried = 0;
    for (unsigned way = ways_accepted(0, values); way < ways()->count();
         way = ways_accepted(way + 1, values), tried++) {
        void *self;
        snprintf(test_notes->trying, sizeof test_notes->trying, "%s", ways()->name(way));
        int32_t error = pattern_create(&self, pattern_view(way), values);
        test_require(error == 0, "create (%s) returned %s; expected 0", ways()->name(way), test_errno(error));
        each(self, pattern_view(way));
        pattern_destroy(self);
    }
    if (!tried)
        test_skip("check() accepts no bridge: it blames '%s' (%s)", subject_heard().blame_option,
                  subject_heard().blame);
}

/* ---- the socket ------------------------------------------------------------------------------------------------------ */

static bool same_topics(const char *const *a, const char *const *b)
{
    if (!a || !b)
        return a == b;
    for (; *a && *b; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return *a == *b;
}

static void describe_twice(void *self, const struct leat_bridge_view *view)
{
    struct leat_socket_request first, second;
    (void)view;
    pattern_socket(self, &first);
    pattern_socket(self, &second);
    test_require(first.role == second.role && first.raw == second.raw && same_topics(first.topics, second.topics),
                 "socket() described two different sockets for one bridge");
    test_require(first.size == sizeof first && first.depth == 0 && first.context == NULL && first.sent == NULL,
                 "socket() set what is the host's business; expected role, raw, topics and queues");
    test_require(first.role != LEAT_ROLE_SUBSCRIBER || (first.topics && first.topics[0]),
                 "socket() described a subscriber without topics, which hears nothing; \"\" is everything");
}

static void each_direction_has_a_socket(void)
{
    each_instance(describe_twice);
}

/* ---- the hooks ------------------------------------------------------------------------------------------------------- */

static void shake_alone(void *self, const struct leat_bridge_view *view)
{
    shake(self, view, view->direction, ROUNDS);
}

static void hooks_survive_any_message(void)
{
    each_instance(shake_alone);
}

static void touch_extremes(void *self, const struct leat_bridge_view *view)
{
    struct glass glass = glass_new(LARGE_BYTES, 1);
    const uint64_t sizes[] = {0, LARGE_BYTES};
    for (unsigned i = 0; i < 2; i++) {
        const struct leat_message message = {.data = glass_bytes(&glass, sizes[i]), .len = sizes[i]};
        const struct leat_packet packet = {.data = (void *)(uintptr_t)message.data, .len = sizes[i]};
        struct leat_outward out;
        struct leat_inward in;
        pattern_outward(self, 0, &message, &out);
        pattern_inward(self, view, &packet, &in);
    }
    munmap(glass.start, (size_t)LARGE_BYTES);
}

static void hooks_take_empty_and_large_messages(void)
{
    each_instance(touch_extremes);
}

struct shaker {
    void *self;
    const struct leat_bridge_view *view;
    uint64_t seed;
};

static void *shake_beside_others(void *of)
{
    const struct shaker *shaker = of;
    shake(shaker->self, shaker->view, shaker->seed, ROUNDS / 4);
    return NULL;
}

static void shake_together(void *self, const struct leat_bridge_view *view)
{
    struct shaker shakers[4];
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++) {
        shakers[i] = (struct shaker){self, view, 100 + i};
        threads[i] = test_thread(shake_beside_others, &shakers[i]);
    }
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

static void hooks_run_on_several_lanes(void)
{
    each_instance(shake_together);
}

static void shake_without_memory(void *self, const struct leat_bridge_view *view)
{
    allocation_fail_every(3);
    shake(self, view, 7, ROUNDS / 10);
    allocation_fail_at(0);
}

static void hooks_survive_without_memory(void)
{
    if (!allocation_watch())
        test_skip("it allocates nothing itself");
    each_instance(shake_without_memory);
}

/* ---- leaks of messages ----------------------------------------------------------------------------------------------- */

static unsigned shaken_way;

static void use_once(void)
{
    void *self;
    if (pattern_create(&self, pattern_view(shaken_way), subject_values()) != 0)
        return;
    shake(self, pattern_view(shaken_way), 3, 20);
    pattern_destroy(self);
}

static void instances_give_back_what_they_used(void)
{
    shaken_way = ways_accepted(0, subject_values());
    if (shaken_way == ways()->count())
        test_skip("check() accepts no bridge");
    traces_cycles(use_once, "creating, using and destroying 1,000 times");
}

const struct test_row pattern_tests[] = {
    {"each direction has a socket", each_direction_has_a_socket, TEST_LIMIT, false},
    {NULL, NULL, 0, false},
};

const struct test_row hook_tests[] = {
    {"the hooks answer any message with a known reason", hooks_survive_any_message, 60, false},
    {"the hooks take empty and large messages", hooks_take_empty_and_large_messages, TEST_LIMIT, false},
    {"the hooks run on several lanes at once", hooks_run_on_several_lanes, 60, false},
    {"the hooks survive without memory", hooks_survive_without_memory, TEST_LIMIT, false},
    {"an instance gives back what it used, 1,000 times", instances_give_back_what_they_used, 60, false},
    {NULL, NULL, 0, false},
};
