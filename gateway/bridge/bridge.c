#include "bridge/bridge.h"

#include "bridge/inside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEERS_MORE 16 /* that may come between two looks */

/* ---- what people see ------------------------------------------------------------------------------------------------ */

/* Without what follows a '?', which often is a token. */
static int shown_length(const char *url)
{
    return (int)strcspn(url, "?");
}

void bridge_urls(const struct bridge *bridge, char *text, size_t size)
{
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < bridge->resolved->endpoint_count && at < size; i++) {
        const char *url = bridge->resolved->endpoints[i].endpoint.url;
        int n = snprintf(text + at, size - at, "%s%.*s", i ? ", " : "", shown_length(url), url);
        at += n > 0 ? (size_t)n : 0;
    }
}

/* A bridge is what the lane is that needs most attention. */
static int attention(uint32_t state)
{
    static const int order[] = {[PAGE_STOPPED] = 0,  [PAGE_RUNNING] = 1, [PAGE_STARTING] = 2, [PAGE_CONNECTING] = 3,
                                [PAGE_DEGRADED] = 4, [PAGE_WAITING] = 5, [PAGE_STOPPING] = 6, [PAGE_FAILED] = 7};
    return order[state];
}

void bridge_show(struct bridge *bridge)
{
    const struct lane *worst = bridge->lanes[0];
    uint32_t state = atomic_load_explicit(&worst->page->state, memory_order_relaxed);
    for (size_t i = 1; i < bridge->lane_count; i++) {
        uint32_t other = atomic_load_explicit(&bridge->lanes[i]->page->state, memory_order_relaxed);
        if (attention(other) > attention(state)) {
            worst = bridge->lanes[i];
            state = other;
        }
    }
    const char *reason = state == PAGE_RUNNING && !*worst->reason ? bridge->audit.trouble : worst->reason;
    page_set_state(bridge->map, bridge->page, (enum page_state)state, "%s", reason);
}

/* ---- calls back of the engine ---------------------------------------------------------------------------------------- */

static void on_sent(void *context, uint32_t slot, int32_t status)
{
    struct bridge *bridge = context;
    outward_sent(&bridge->outward[slot / WINDOW_SLOTS], slot % WINDOW_SLOTS, status);
}

static void on_received(void *context, uint32_t slot, int32_t status)
{
    struct bridge *bridge = context;
    inward_received(bridge->inward, slot, status);
}

static void on_peers(void *context, uint32_t connected)
{
    struct bridge *bridge = context;
    atomic_store_explicit(&bridge->peers, connected, memory_order_relaxed);
    atomic_store_explicit(&bridge->page->peers, connected, memory_order_relaxed);
    for (size_t i = 0; i < bridge->lane_count; i++)
        doorbell_ring(&bridge->lanes[i]->bell);
}

/* ---- building -------------------------------------------------------------------------------------------------------- */

/* Over "GATEWAY\0BRIDGE", which no other pair has. */
static uint32_t hash_pair(const char *gateway, const char *bridge)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (const char *c = gateway; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    hash *= UINT64_C(1099511628211); /* the 0 between them */
    for (const char *c = bridge; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    return (uint32_t)(hash ^ hash >> 32);
}

/* "GATEWAY.BRIDGE" in the alphabet of reader names. Where another pair could come to the same (its dots stand elsewhere, a character
 * has no place in such names, it is too long), a hash follows: two bridges must never take each other's position. */
static void name_reader(char *name, size_t size, const char *gateway, const char *bridge)
{
    char whole[512];
    bool exact = !strchr(gateway, '.') && !strchr(bridge, '.');
    size_t len = (size_t)snprintf(whole, sizeof whole, "%s.%s", gateway, bridge);
    for (char *c = whole; *c; c++) {
        bool allowed = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *c);
        *c = allowed ? *c : '_';
        exact &= allowed;
    }
    if (strchr("._-", whole[0])) {
        whole[0] = 'x';
        exact = false;
    }
    if (exact && len < size)
        memcpy(name, whole, len + 1);
    else
        snprintf(name, size, "%.*s-%08" PRIx32, (int)(size - 10), whole, hash_pair(gateway, bridge));
}

/* In the order of lanes_titles(): the outward ones, then the inward one. */
static int build_lanes(struct bridge *bridge)
{
    struct page_lane *pages = bridge->page->lanes;
    if (bridge->read.count > 0) {
        bridge->outward_count = bridge->read.count;
        /* aligned_alloc: the windows keep the lane's and the completions' cache lines apart */
        bridge->outward = aligned_alloc(_Alignof(struct outward), bridge->outward_count * sizeof *bridge->outward);
        if (!bridge->outward)
            return -ENOMEM;
        memset(bridge->outward, 0, bridge->outward_count * sizeof *bridge->outward);
    }
    for (uint32_t i = 0; i < bridge->outward_count; i++) {
        outward_init(&bridge->outward[i], bridge, i, &pages[bridge->lane_count]);
        bridge->lanes[bridge->lane_count++] = &bridge->outward[i].lane;
    }
    if (bridge->written.count == 0)
        return 0;
    bridge->inward = calloc(1, sizeof *bridge->inward);
    if (!bridge->inward)
        return -ENOMEM;
    int error = inward_init(bridge->inward, bridge, &pages[bridge->lane_count]);
    if (error == 0)
        bridge->lanes[bridge->lane_count++] = &bridge->inward->lane;
    return error;
}

static uint32_t slots_needed(const struct bridge *bridge)
{
    uint32_t sends = (uint32_t)bridge->outward_count * WINDOW_SLOTS;
    return sends > INWARD_SLOTS ? sends : INWARD_SLOTS;
}

static int open_socket(struct bridge *bridge, char *explain, size_t explain_size)
{
    const struct resolved_bridge *resolved = bridge->resolved;
    struct leat_socket_request request = {.size = sizeof request};
    int error = bridge->pattern_ops->socket(bridge->pattern, &request);
    if (error) {
        snprintf(explain, explain_size, "pattern '%s' cannot say which socket it needs: %s", resolved->bridge->pattern,
                 strerror(-error));
        return error;
    }
    request.depth = slots_needed(bridge);
    request.receive_limit = resolved->bridge->receive_limit_bytes;
    request.context = bridge;
    request.sent = on_sent;
    request.received = on_received;
    request.peers = on_peers;
    error = bridge->engine->open(&bridge->socket, resolved->endpoints[0].host, &request);
    if (error)
        snprintf(explain, explain_size, "plugin '%s' cannot open a socket for pattern '%s': %s",
                 resolved->engine->table.name, resolved->bridge->pattern, strerror(-error));
    return error;
}

static int create_pattern(struct bridge *bridge, char *explain, size_t explain_size)
{
    const struct resolved_bridge *resolved = bridge->resolved;
    if (!bridge->pattern_ops->create)
        return 0;
    int error = bridge->pattern_ops->create(&bridge->pattern, resolved->pattern_host, &resolved->view,
                                            resolved->pattern_options.values);
    if (error)
        snprintf(explain, explain_size, "pattern '%s' cannot be created: %s", resolved->bridge->pattern,
                 strerror(-error));
    return error;
}

static struct bridge *bridge_new(const char *gateway, const struct resolved_bridge *resolved, struct page_map *map)
{
    struct bridge *bridge = calloc(1, sizeof *bridge);
    if (!bridge)
        return NULL;
    bridge->resolved = resolved;
    bridge->read = resolved_bridge_read(resolved);
    bridge->written = resolved_bridge_written(resolved);
    bridge->loops = bridge->read.count > 0 && bridge->read.items == bridge->written.items;
    bridge->map = map;
    bridge->page = page_find(map, resolved->bridge->name);
    bridge->pattern_ops = &resolved->pattern->pattern;
    bridge->engine = &resolved->engine->transport;
    bridge->only_dials = true;
    for (size_t i = 0; i < resolved->endpoint_count; i++)
        bridge->only_dials &= !resolved->endpoints[i].endpoint.listen;
    bridge->needs_peer = (bridge->pattern_ops->waits_for_peer & resolved->view.direction) != 0;
    name_reader(bridge->reader_name, sizeof bridge->reader_name, gateway, resolved->bridge->name);
    pthread_mutex_init(&bridge->submit, NULL);
    pthread_mutex_init(&bridge->showing, NULL);
    return bridge;
}

static int build(struct bridge *bridge, char *explain, size_t explain_size)
{
    const struct resolved_bridge *resolved = bridge->resolved;
    size_t lanes = bridge->read.count + (bridge->written.count > 0 ? 1 : 0);
    if (!bridge->page) {
        snprintf(explain, explain_size, "the gateway's page has no place for bridge '%s'", resolved->bridge->name);
        return -ENOENT;
    }
    if (lanes > PAGE_LANES) {
        snprintf(explain, explain_size, "%zu lanes are needed and a bridge has at most %d: give it fewer channels",
                 lanes, PAGE_LANES);
        return -E2BIG;
    }
    int error = build_lanes(bridge);
    if (error) {
        snprintf(explain, explain_size, "not enough memory for its lanes");
        return error;
    }
    page_peers_leave(bridge->page);
    atomic_store_explicit(&bridge->page->lane_count, (uint32_t)bridge->lane_count, memory_order_release);
    bridge->door = door_open(bridge->resolved, bridge->map, bridge->page);
    if (!bridge->door)
        return -ENOMEM;
    error = create_pattern(bridge, explain, explain_size);
    return error ? error : open_socket(bridge, explain, explain_size);
}

int bridge_open(struct bridge **out, const char *gateway, const struct resolved_bridge *resolved, struct page_map *map,
                char *explain, size_t explain_size)
{
    struct bridge *bridge = bridge_new(gateway, resolved, map);
    if (!bridge) {
        snprintf(explain, explain_size, "not enough memory");
        return -ENOMEM;
    }
    int error = build(bridge, explain, explain_size);
    if (error) {
        bridge_free(bridge);
        return error;
    }
    *out = bridge;
    return 0;
}

int bridge_attach(struct bridge *bridge, char *explain, size_t explain_size)
{
    const struct resolved_bridge *resolved = bridge->resolved;
    uint64_t native = bridge->engine->native ? bridge->engine->native(bridge->socket) : 0;
    for (; bridge->attached < resolved->endpoint_count; bridge->attached++) {
        const struct resolved_endpoint *to = &resolved->endpoints[bridge->attached];
        char why[256] = "";
        int error = to->plugin->transport.attach(native, to->host, &to->endpoint, why, sizeof why);
        if (error) {
            snprintf(explain, explain_size, "cannot %s %.*s: %s", to->endpoint.listen ? "listen at" : "dial",
                     shown_length(to->endpoint.url), to->endpoint.url, why[0] ? why : strerror(-error));
            return error;
        }
    }
    return 0;
}

/* ---- running --------------------------------------------------------------------------------------------------------- */

int bridge_start(struct bridge *bridge)
{
    int error = 0;
    for (size_t i = 0; i < bridge->outward_count && error == 0; i++)
        error = outward_start(&bridge->outward[i]);
    if (bridge->inward && error == 0)
        error = inward_start(bridge->inward);
    return error;
}

bool bridge_is_broken(const struct bridge *bridge)
{
    return atomic_load_explicit(&bridge->broken, memory_order_relaxed);
}

void bridge_stop(struct bridge *bridge, int64_t deadline_ns)
{
    atomic_store_explicit(&bridge->deadline_ns, deadline_ns, memory_order_relaxed);
    atomic_store_explicit(&bridge->stopping, true, memory_order_release);
    for (size_t i = 0; i < bridge->lane_count; i++)
        doorbell_ring(&bridge->lanes[i]->bell);
}

bool bridge_has_left(const struct bridge *bridge)
{
    for (size_t i = 0; i < bridge->lane_count; i++)
        if (bridge->lanes[i]->started && !lane_has_left(bridge->lanes[i]))
            return false;
    return true;
}

uint64_t bridge_unfinished(const struct bridge *bridge)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < bridge->lane_count; i++)
        sum += atomic_load_explicit(&bridge->lanes[i]->unfinished, memory_order_relaxed);
    return sum;
}

bool bridge_sends(const struct bridge *bridge)
{
    return bridge->outward_count > 0 && atomic_load_explicit(&bridge->peers, memory_order_relaxed) > 0;
}

uint64_t bridge_progress(struct bridge *bridge)
{
    if (!bridge->engine->list_peers)
        return 0;
    int32_t room = bridge->engine->list_peers(bridge->socket, NULL, 0) + PEERS_MORE;
    struct leat_peer *peers = calloc((size_t)room, sizeof *peers);
    if (!peers)
        return 0;
    uint64_t sum = 0;
    int32_t count = bridge->engine->list_peers(bridge->socket, peers, (uint32_t)room);
    for (int32_t i = 0; i < count && i < room; i++)
        sum += peers[i].sent_messages + peers[i].sent_bytes;
    free(peers);
    return sum;
}

void bridge_audit(struct bridge *bridge)
{
    audit_turn(&bridge->audit, bridge);
}

static void join_lanes(struct bridge *bridge)
{
    for (size_t i = 0; i < bridge->lane_count; i++)
        if (bridge->lanes[i]->started)
            pthread_join(bridge->lanes[i]->thread, NULL);
}

void bridge_free(struct bridge *bridge)
{
    if (!bridge)
        return;
    join_lanes(bridge);
    if (bridge->socket)
        bridge->engine->close(bridge->socket);
    door_close(bridge->door);
    for (size_t i = 0; i < bridge->outward_count; i++)
        if (bridge->outward)
            outward_fini(&bridge->outward[i]);
    if (bridge->inward)
        inward_fini(bridge->inward);
    if (bridge->pattern && bridge->pattern_ops->destroy)
        bridge->pattern_ops->destroy(bridge->pattern);
    free(bridge->outward);
    free(bridge->inward);
    audit_fini(&bridge->audit);
    pthread_mutex_destroy(&bridge->submit);
    pthread_mutex_destroy(&bridge->showing);
    free(bridge);
}
