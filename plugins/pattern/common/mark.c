#include "common/mark.h"

#include "common/chance.h"

#include <time.h>

#define RUN_BITS 8

/* FNV-1a, the end of the text included, so that "a" "bc" is not "ab" "c". */
static uint64_t hash(uint64_t from, const char *text)
{
    uint64_t value = from;
    do
        value = (value ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    while (*text++);
    return value;
}

/* The names as one number of 24 bits, the same in every run, never 0. */
static uint32_t name_bits(const struct leat_bridge_view *bridge)
{
    uint64_t value = hash(UINT64_C(0xcbf29ce484222325), bridge->gateway_name ? bridge->gateway_name : "");
    value = hash(value, bridge->name ? bridge->name : "");
    uint32_t folded = (uint32_t)(value ^ value >> 24 ^ value >> 48) & 0xffffff;
    return folded ? folded : 1;
}

int mark_init(struct mark *mark, const struct leat_bridge_view *bridge)
{
    uint64_t run;
    struct timespec now;
    int error = chance_draw(&run);
    if (error)
        return error;
    clock_gettime(CLOCK_REALTIME, &now);
    mark->bits = name_bits(bridge) << RUN_BITS | (uint32_t)(run & ((1u << RUN_BITS) - 1));
    mark->since_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    return 0;
}

uint64_t mark_tag(const struct mark *mark, uint32_t peer)
{
    return (uint64_t)mark->bits << 32 | peer;
}

/* The few bits of a run may be those of an earlier one: what was published before this run began is that one's all the same. */
enum mark_kind mark_of(const struct mark *mark, const struct leat_message *message)
{
    uint32_t bits = (uint32_t)(message->tag >> 32);
    if (bits >> RUN_BITS != mark->bits >> RUN_BITS)
        return MARK_NONE;
    return bits == mark->bits && message->time_ns >= mark->since_ns ? MARK_OWN : MARK_OLD;
}

uint32_t mark_peer(const struct leat_message *message)
{
    return (uint32_t)message->tag;
}
