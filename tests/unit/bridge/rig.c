#include "rig.h"

#include "wait.h"

#include <string.h>

/* ---- the pattern ----------------------------------------------------------------------------------------------------- */

static int32_t create(void **self, const struct leat_host *host, const struct leat_bridge_view *bridge,
                      const void *options)
{
    (void)bridge, (void)options;
    *self = host->context;
    return 0;
}

static int32_t describe_socket(void *self, struct leat_socket_request *request)
{
    (void)self;
    request->role = LEAT_ROLE_PUSHER;
    return 0;
}

static int32_t outward(void *self, uint32_t channel, const struct leat_message *message, struct leat_outward *out)
{
    struct rig *rig = self;
    (void)channel;
    if (rig->whim) {
        out->header_len = rig->whim->header_len;
        out->prefix = "x";
        out->prefix_len = rig->whim->prefix_len;
        return rig->whim->reason;
    }
    if (rig->drops_own && message->tag < 1000)
        return LEAT_DROP_LOOP;
    if (rig->filter && message->sequence % rig->filter == 0)
        return LEAT_DROP_FILTERED;
    out->prefix = rig->prefix;
    out->prefix_len = rig->prefix ? strlen(rig->prefix) : 0;
    if (rig->hold_keys == 0)
        return LEAT_FORWARD;
    out->hold_key = (uint32_t)(message->sequence % rig->hold_keys);
    out->hold_until_ns = rig->hold_until_ns;
    return LEAT_HOLD;
}

static int32_t inward(void *self, const struct leat_packet *packet, struct leat_inward *in)
{
    struct rig *rig = self;
    if (rig->whim) {
        in->channel = rig->whim->channel;
        in->skip = rig->whim->skip;
        return rig->whim->reason;
    }
    in->skip = rig->prefix ? strlen(rig->prefix) : 0;
    in->tag = packet->len;
    in->channel = rig->reply ? 0 : (uint32_t)(packet->len % rig->channel_count);
    return LEAT_FORWARD;
}

/* ---- the rig ---------------------------------------------------------------------------------------------------------- */

struct rig *rig_new(void)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig->direction = LEAT_OUT;
    rig->channel_count = 1;
    rig->gateway = "leat";
    rig->receive_limit = 1 << 20;
    rig->name = "quotes";
    rig->channels = calloc(RIG_CHANNELS + 1, sizeof *rig->channels);
    for (size_t i = 0; i <= RIG_CHANNELS; i++)
        fake_channel_init(&rig->channels[i]);
    fake_engine_init(&rig->engine);
    size_t bytes = sizeof(struct page) + sizeof(struct page_bridge);
    rig->map.page = aligned_alloc(_Alignof(struct page), bytes);
    memset(rig->map.page, 0, bytes);
    rig->map.bytes = bytes;
    rig->map.page->bridge_capacity = 1;
    atomic_store(&rig->map.page->bridge_count, 1);
    rig->page = &rig->map.page->bridges[0];
    return rig;
}

static void resolve_channel(struct rig *rig, size_t index, const char *url)
{
    rig->resolved_channels[index] =
        (struct resolved_channel){.plugin = rig->volatile_reader ? &fake_channel_volatile : &fake_channel_durable,
                                  .options = {.values = &rig->channels[index]},
                                  .where = url + strlen("fake://"),
                                  .url = url};
}

static void resolve_channels(struct rig *rig)
{
    static const char *const urls[] = {"fake://a", "fake://b", "fake://c"};
    for (size_t i = 0; i < rig->channel_count; i++) {
        resolve_channel(rig, i, urls[i]);
        rig->names[i] = rig->resolved_channels[i].where;
    }
    if (rig->reply)
        resolve_channel(rig, RIG_REPLY, "fake://r");
}

static void configure(struct rig *rig)
{
    rig->config = (struct config_bridge){.name = rig->name,
                                         .worker = rig->name,
                                         .pattern = "test",
                                         .direction = (enum config_direction)rig->direction,
                                         .reply = {.count = rig->reply},
                                         .receive_limit_bytes = rig->receive_limit};
    rig->pattern = (struct plugin){.table = {.size = sizeof(struct leat_plugin), .name = "test", .needs_minor = 1},
                                   .pattern = {.size = sizeof(struct leat_pattern_ops),
                                               .waits_for_peer = rig->waits_for_peer,
                                               .create = create,
                                               .socket = describe_socket,
                                               .outward = outward,
                                               .inward = inward}};
}

static void resolve(struct rig *rig)
{
    configure(rig);
    resolve_channels(rig);
    rig->engine_host = (struct leat_host){.size = sizeof(struct leat_host), .context = &rig->engine};
    rig->pattern_host = (struct leat_host){.size = sizeof(struct leat_host), .context = rig};
    rig->endpoint = (struct resolved_endpoint){
        .plugin = &fake_transport,
        .endpoint = {.size = sizeof(struct leat_endpoint), .listen = !rig->dials, .url = "wire://here"},
        .host = &rig->engine_host};
    rig->resolved = (struct resolved_bridge){
        .bridge = &rig->config,
        .pattern = &rig->pattern,
        .pattern_host = &rig->pattern_host,
        .view = {.size = sizeof(struct leat_bridge_view),
                 .direction = rig->direction,
                 .channel_count = (uint32_t)rig->channel_count,
                 .channel_names = rig->names},
        .channels = rig->resolved_channels,
        .channel_count = rig->channel_count,
        .reply = rig->reply ? &rig->resolved_channels[RIG_REPLY] : NULL,
        .endpoints = &rig->endpoint,
        .endpoint_count = 1,
        .engine = &fake_transport,
    };
}

void rig_build(struct rig *rig)
{
    resolve(rig);
    snprintf(rig->page->name, sizeof rig->page->name, "%s", rig->name);
    if (bridge_open(&rig->bridge, rig->gateway, &rig->resolved, &rig->map, rig->explain, sizeof rig->explain) != 0)
        wait_failed(__FILE__, __LINE__, rig->explain);
}

void rig_start(struct rig *rig)
{
    rig_build(rig);
    if (bridge_attach(rig->bridge, rig->explain, sizeof rig->explain) != 0 || bridge_start(rig->bridge) != 0)
        wait_failed(__FILE__, __LINE__, rig->explain);
}

void rig_stop(struct rig *rig, int64_t grace_ns)
{
    bridge_stop(rig->bridge, wait_now() + grace_ns);
    await_true(bridge_has_left(rig->bridge));
}

void rig_free(struct rig *rig)
{
    if (rig->bridge && !bridge_has_left(rig->bridge))
        rig_stop(rig, 0);
    bridge_free(rig->bridge);
    if (rig->engine.packets != 0 || rig->engine.slot_taken_twice || rig->engine.two_submit_at_once)
        wait_failed(__FILE__, __LINE__, "every packet given back, every slot used once at a time, by one thread");
    for (size_t i = 0; i <= RIG_CHANNELS; i++)
        if (rig->channels[i].went_backwards)
            wait_failed(__FILE__, __LINE__, "acknowledgements go forward");
    free(rig->channels);
    free(rig->map.page);
    free(rig);
}

struct fake_channel *rig_reply(struct rig *rig)
{
    return &rig->channels[RIG_REPLY];
}

struct page_lane *rig_lane(struct rig *rig, size_t index)
{
    return &rig->page->lanes[index];
}

bool rig_balances(const struct page_lane *lane)
{
    uint64_t sum = lane->forwarded + lane->returned + lane->in_flight;
    for (size_t i = 0; i < PAGE_REASONS; i++)
        sum += lane->dropped[i];
    return sum == lane->read;
}

void rig_await_state(struct rig *rig, uint32_t state)
{
    await_true(atomic_load(&rig->page->state) == state);
}

uint64_t rig_read(struct rig *rig)
{
    return rig_lane(rig, 0)->read;
}

uint64_t rig_dropped(struct rig *rig, uint32_t reason)
{
    return rig_lane(rig, 0)->dropped[reason];
}
