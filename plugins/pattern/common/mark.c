#include "common/mark.h"

#include "common/chance.h"
#include "common/wall.h"

#include <stdbool.h>

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

int mark_init(struct mark *mark, const struct leat_host *host, const struct leat_bridge_view *bridge)
{
    uint64_t run;
    int error = chance_draw(&run);
    if (error)
        return error;
    mark->host = host;
    mark->bits = name_bits(bridge) << RUN_BITS | (uint32_t)(run & ((1u << RUN_BITS) - 1));
    mark->since_ns = wall_ns();
    mark->started_ns = host->now_ns(host->context);
    return 0;
}

uint64_t mark_tag(const struct mark *mark, uint32_t peer)
{
    return (uint64_t)mark->bits << 32 | peer;
}

/* Whether a message is not older than this run. When the wall clock has been set back since, the run began that much earlier by
 * what messages say now. */
static bool is_of_this_run(const struct mark *mark, const struct leat_message *message)
{
    if (message->time_ns >= mark->since_ns)
        return true;
    uint64_t lasted_ns = (uint64_t)(mark->host->now_ns(mark->host->context) - mark->started_ns);
    return message->time_ns + lasted_ns >= wall_ns();
}

/* The few bits of a run may be those of an earlier one: what was published before this run began is that one's all the same. */
enum mark_kind mark_of(const struct mark *mark, const struct leat_message *message)
{
    uint32_t bits = (uint32_t)(message->tag >> 32);
    if (bits >> RUN_BITS != mark->bits >> RUN_BITS)
        return MARK_NONE;
    return bits == mark->bits && is_of_this_run(mark, message) ? MARK_OWN : MARK_OLD;
}

uint32_t mark_peer(const struct leat_message *message)
{
    return (uint32_t)message->tag;
}
