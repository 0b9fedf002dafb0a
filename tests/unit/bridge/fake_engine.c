#include "fake_engine.h"

#include "wait.h"

#include <string.h>

void fake_engine_init(struct fake_engine *engine)
{
    memset(engine, 0, sizeof *engine);
    pthread_mutex_init(&engine->lock, NULL);
    wait_cond_init(&engine->changed);
}

static void change(struct fake_engine *engine)
{
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
}

static int32_t open_socket(void **socket, const struct leat_host *host, const struct leat_socket_request *request)
{
    struct fake_engine *engine = host->context;
    engine->request = *request;
    *socket = engine;
    return 0;
}

static int32_t attach(uint64_t native, const struct leat_host *host, const struct leat_endpoint *endpoint,
                      char *explain, uint64_t explain_size)
{
    struct fake_engine *engine = host->context;
    (void)native, (void)endpoint;
    if (engine->attach_error)
        snprintf(explain, explain_size, "the address is taken");
    return engine->attach_error;
}

static int32_t alloc(void *socket, struct leat_packet *packet, uint64_t len)
{
    struct fake_engine *engine = socket;
    engine->packets++;
    packet->data = packet->engine = malloc(len ? len : 1);
    packet->len = len;
    return 0;
}

static void drop(void *socket, struct leat_packet *packet)
{
    struct fake_engine *engine = socket;
    engine->packets--;
    free(packet->engine);
    packet->engine = packet->data = NULL;
}

/* Under the lock. */
static void deliver(struct fake_engine *engine, struct leat_packet *packet)
{
    uint64_t number = UINT64_MAX;
    if (packet->len >= 8)
        memcpy(&number, packet->data, 8);
    memset(engine->last, 0, sizeof engine->last);
    memcpy(engine->last, packet->data, packet->len < 15 ? packet->len : 15);
    engine->delivered[engine->delivered_count++ % ENGINE_DELIVERED] = number;
    engine->delivered_bytes += packet->len;
    drop(engine, packet);
}

static int32_t submit(struct fake_engine *engine, struct fake_operation *list, uint32_t *count, uint32_t slot,
                      struct leat_packet *packet)
{
    pthread_mutex_lock(&engine->lock);
    if (engine->down) {
        engine->down = false;
        pthread_mutex_unlock(&engine->lock);
        return -ECONNRESET;
    }
    for (uint32_t i = 0; i < *count; i++)
        engine->slot_taken_twice |= list[i].slot == slot;
    engine->slot_taken_twice |= slot >= engine->request.depth;
    list[(*count)++] = (struct fake_operation){slot, packet};
    change(engine);
    return 0;
}

static int32_t send_packet(void *socket, uint32_t slot, struct leat_packet *packet)
{
    struct fake_engine *engine = socket;
    int32_t error = 0;
    if (engine->submitting++ > 0)
        engine->two_submit_at_once = true;
    if (engine->refuse_sends > 0) {
        engine->refuse_sends--;
        error = -ECONNRESET;
    } else if (engine->synchronous) {
        pthread_mutex_lock(&engine->lock);
        deliver(engine, packet);
        change(engine);
        engine->request.sent(engine->request.context, slot, 0);
    } else {
        error = submit(engine, engine->sends, &engine->send_count, slot, packet);
    }
    engine->submitting--;
    return error;
}

static int32_t receive_packet(void *socket, uint32_t slot, struct leat_packet *packet)
{
    struct fake_engine *engine = socket;
    return submit(engine, engine->receives, &engine->receive_count, slot, packet);
}

/* Under the lock: takes the nth operation out of its list. */
static bool take(struct fake_operation *list, uint32_t *count, uint32_t nth, struct fake_operation *out)
{
    if (nth >= *count)
        return false;
    *out = list[nth];
    memmove(&list[nth], &list[nth + 1], (*count - nth - 1) * sizeof *list);
    --*count;
    return true;
}

bool engine_complete(struct fake_engine *engine, uint32_t nth, int32_t status)
{
    struct fake_operation operation;
    pthread_mutex_lock(&engine->lock);
    bool found = take(engine->sends, &engine->send_count, nth, &operation);
    if (found && status == 0)
        deliver(engine, operation.packet);
    change(engine);
    if (found)
        engine->request.sent(engine->request.context, operation.slot, status);
    return found;
}

void engine_complete_all(struct fake_engine *engine)
{
    while (engine_complete(engine, 0, 0))
        ;
}

void engine_reset(struct fake_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->down = true;
    pthread_mutex_unlock(&engine->lock);
    while (engine_complete(engine, 0, -ECONNRESET))
        ;
}

bool engine_arrive(struct fake_engine *engine, uint64_t number, uint64_t offset, uint64_t len)
{
    struct fake_operation operation;
    pthread_mutex_lock(&engine->lock);
    bool found = take(engine->receives, &engine->receive_count, 0, &operation);
    pthread_mutex_unlock(&engine->lock);
    if (!found)
        return false;
    alloc(engine, operation.packet, len);
    memset(operation.packet->data, 'p', len);
    if (offset + 8 <= len)
        memcpy((char *)operation.packet->data + offset, &number, 8);
    engine->request.received(engine->request.context, operation.slot, 0);
    return true;
}

bool engine_fail_receive(struct fake_engine *engine, int32_t status)
{
    struct fake_operation operation;
    pthread_mutex_lock(&engine->lock);
    bool found = take(engine->receives, &engine->receive_count, 0, &operation);
    pthread_mutex_unlock(&engine->lock);
    if (found)
        engine->request.received(engine->request.context, operation.slot, status);
    return found;
}

static void close_socket(void *socket)
{
    struct fake_engine *engine = socket;
    while (engine_complete(engine, 0, -ECANCELED))
        ;
    while (engine_fail_receive(engine, -ECANCELED))
        ;
}

void engine_peers(struct fake_engine *engine, uint32_t count)
{
    engine->request.peers(engine->request.context, count);
}

uint32_t engine_sends(struct fake_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    uint32_t count = engine->send_count;
    pthread_mutex_unlock(&engine->lock);
    return count;
}

void engine_await_sends(struct fake_engine *engine, uint32_t count)
{
    await(&engine->lock, &engine->changed, engine->send_count >= count);
}

void engine_await_receives(struct fake_engine *engine, uint32_t count)
{
    await(&engine->lock, &engine->changed, engine->receive_count >= count);
}

const struct plugin fake_transport = {
    .table = {.size = sizeof(struct leat_plugin), .kind = LEAT_PLUGIN_TRANSPORT, .name = "wire"},
    .transport = {.size = sizeof(struct leat_transport_ops),
                  .schemes = "wire",
                  .family = "test/1",
                  .open = open_socket,
                  .attach = attach,
                  .alloc = alloc,
                  .drop = drop,
                  .send = send_packet,
                  .receive = receive_packet,
                  .close = close_socket},
};
