/* The hooks of reqrep from all their lanes at once: questions come in on one thread while answers go out on two, each of which
 * answers everything, and the other way round. Of the answers to a question exactly one passes, and with that question's way back. */
#include "common/questions.h"
#include "common/wall.h"
#include "trial.h"

#include <endian.h>
#include <leat/plugin/channel.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define QUESTIONS (TRIAL_SLOW ? 100000u : 400000u)
#define PENDING 256u /* so that answered questions have to make room */
#define LANES 2      /* that answer, or that ask */
#define BETWEEN 100u /* questions that may be asked and not yet answered */

struct scene {
    void *instance;
    _Atomic uint64_t asked[LANES], answered[LANES]; /* by each lane; `asked` publishes (release) what is before it */
    uint64_t keys[LANES][QUESTIONS];
    _Atomic uint32_t passed[QUESTIONS];
    _Atomic uint32_t lane; /* the next number of one */
};

static struct scene scene;

static int64_t now_ns(void *context)
{
    (void)context;
    return trial_now_ns();
}

static void open_scene(uint32_t direction)
{
    static const struct questions_kind kind = {.asking = LEAT_ROLE_REQUESTER, .answering = LEAT_ROLE_REPLIER};
    static const struct leat_host host = {.size = sizeof host, .now_ns = now_ns};
    struct leat_bridge_view bridge = {
        .size = sizeof bridge, .direction = direction, .channel_count = 1, .keeps = LEAT_CHANNEL_KEEPS_METADATA};
    memset(&scene, 0, sizeof scene);
    static const struct questions_options options = {.timeout_ns = 600 * TRIAL_S, .pending = PENDING};
    int32_t error = questions_create(&scene.instance, &kind, &host, &bridge, &options);
    trial_check(error == 0, "%d", error);
}

static uint64_t least(const _Atomic uint64_t *counts, unsigned lanes)
{
    uint64_t value = UINT64_MAX;
    for (unsigned i = 0; i < lanes; i++) {
        uint64_t count = atomic_load_explicit(&counts[i], memory_order_acquire);
        value = count < value ? count : value;
    }
    return value;
}

/* ---- direction = in: one lane asks, all answer ------------------------------------------------------------------- */

static void way_of(uint32_t number, uint8_t *header)
{
    uint32_t words[2] = {htobe32(1 + number % 50), htobe32(number | 0x80000000)};
    memcpy(header, words, sizeof words);
}

static void come_in(uint32_t number)
{
    struct leat_packet packet = {.header_len = 8};
    struct leat_inward in = {0};
    way_of(number, packet.header);
    int32_t reason = questions_inward(scene.instance, &packet, &in);
    trial_check(reason == LEAT_FORWARD, "question %u: %d", number, reason);
    scene.keys[0][number] = in.tag;
    atomic_store_explicit(&scene.asked[0], number + 1, memory_order_release);
}

static void answer(uint32_t number)
{
    uint8_t header[8];
    struct leat_message message = {.tag = scene.keys[0][number]};
    struct leat_outward out = {0};
    int32_t reason = questions_outward(scene.instance, 0, &message, &out);
    if (reason == LEAT_FORWARD) {
        way_of(number, header);
        trial_check(out.header_len == 8 && memcmp(out.header, header, 8) == 0, "question %u", number);
        atomic_fetch_add_explicit(&scene.passed[number], 1, memory_order_relaxed);
    } else {
        trial_check(reason == LEAT_DROP_DUPLICATE || reason == LEAT_DROP_EXPIRED, "question %u: %d", number, reason);
    }
}

static void *answer_all(void *nothing)
{
    (void)nothing;
    uint32_t lane = atomic_fetch_add(&scene.lane, 1);
    for (uint32_t number = 0; number < QUESTIONS; number++) {
        while (atomic_load_explicit(&scene.asked[0], memory_order_acquire) <= number)
            trial_nap_us(0);
        answer(number);
        atomic_store_explicit(&scene.answered[lane], number + 1, memory_order_release);
    }
    return NULL;
}

static void *ask_all(void *nothing)
{
    (void)nothing;
    for (uint32_t number = 0; number < QUESTIONS; number++) {
        while (number - least(scene.answered, LANES) >= BETWEEN)
            trial_nap_us(0);
        come_in(number);
    }
    return NULL;
}

/* ---- direction = out: all lanes ask, one takes the answers -------------------------------------------------------- */

static void go_out(uint32_t lane, uint32_t number)
{
    struct leat_message message = {.tag = (uint64_t)lane << 32 | number, .time_ns = wall_ns()};
    struct leat_outward out = {0};
    int32_t reason = questions_outward(scene.instance, lane, &message, &out);
    trial_check(reason == LEAT_FORWARD && out.header_len == 4, "question %u: %d", number, reason);
    memcpy(&scene.keys[lane][number], out.header, 4);
    atomic_store_explicit(&scene.asked[lane], number + 1, memory_order_release);
}

static void *ask_as_lane(void *nothing)
{
    (void)nothing;
    uint32_t lane = atomic_fetch_add(&scene.lane, 1);
    for (uint32_t number = 0; number < QUESTIONS; number++) {
        while (number - atomic_load_explicit(&scene.answered[lane], memory_order_acquire) >= BETWEEN)
            trial_nap_us(0);
        go_out(lane, number);
    }
    return NULL;
}

static void get_answer(uint32_t lane, uint32_t number)
{
    struct leat_packet packet = {.header_len = 4};
    struct leat_inward in = {0};
    memcpy(packet.header, &scene.keys[lane][number], 4);
    int32_t reason = questions_inward(scene.instance, &packet, &in);
    trial_check(reason == LEAT_FORWARD, "question %u of lane %u: %d", number, lane, reason);
    trial_check(in.tag == ((uint64_t)lane << 32 | number), "question %u of lane %u", number, lane);
    reason = questions_inward(scene.instance, &packet, &in);
    trial_check(reason == LEAT_DROP_DUPLICATE || reason == LEAT_DROP_EXPIRED, "again %u: %d", number, reason);
    atomic_store_explicit(&scene.answered[lane], number + 1, memory_order_release);
}

static void *get_all(void *nothing)
{
    (void)nothing;
    for (uint32_t number = 0; number < QUESTIONS; number++) {
        for (uint32_t lane = 0; lane < LANES; lane++) {
            while (atomic_load_explicit(&scene.asked[lane], memory_order_acquire) <= number)
                trial_nap_us(0);
            get_answer(lane, number);
        }
    }
    return NULL;
}

/* ---- both ------------------------------------------------------------------------------------------------------- */

static void run(uint32_t direction, void *(*one)(void *), void *(*each)(void *))
{
    pthread_t threads[LANES + 1];
    open_scene(direction);
    pthread_create(&threads[LANES], NULL, one, NULL);
    for (int i = 0; i < LANES; i++)
        pthread_create(&threads[i], NULL, each, NULL);
    for (int i = 0; i <= LANES; i++)
        pthread_join(threads[i], NULL);
    questions_destroy(scene.instance);
}

int main(void)
{
    run(LEAT_IN, ask_all, answer_all);
    for (uint32_t number = 0; number < QUESTIONS; number++)
        trial_check(scene.passed[number] == 1, "question %u had %u answers", number, scene.passed[number]);
    printf("in: %u questions, each answered once\n", QUESTIONS);
    run(LEAT_OUT, get_all, ask_as_lane);
    printf("out: %u questions of each of %d lanes, each answered once\n", QUESTIONS, LANES);
    return 0;
}
