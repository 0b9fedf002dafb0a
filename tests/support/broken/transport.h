/* A transport that reaches nobody; a fixture says under which name, schemes and family. */
#ifndef TESTS_SUPPORT_BROKEN_TRANSPORT_H
#define TESTS_SUPPORT_BROKEN_TRANSPORT_H

#include <leat/plugin/transport.h>
#include <string.h>

static int32_t transport_check(const struct leat_host *host, const struct leat_endpoint *endpoint)
{
    if (strstr(endpoint->url, "taken") == NULL || endpoint->served)
        return 0;
    host->blame(host->context, endpoint->listen ? "listen" : "dial", "is taken");
    return -EINVAL;
}

static int32_t transport_open(void **socket, const struct leat_host *host, const struct leat_socket_request *request)
{
    (void)socket;
    (void)host;
    (void)request;
    return -ENOTSUP;
}

static uint64_t transport_native(void *socket)
{
    (void)socket;
    return 0;
}

static int32_t transport_attach(uint64_t native, const struct leat_host *host, const struct leat_endpoint *endpoint,
                                char *explain, uint64_t explain_size)
{
    (void)native;
    (void)host;
    (void)endpoint;
    (void)explain;
    (void)explain_size;
    return -ENOTSUP;
}

static int32_t transport_alloc(void *socket, struct leat_packet *packet, uint64_t len)
{
    (void)socket;
    (void)packet;
    (void)len;
    return -ENOMEM;
}

static void transport_drop(void *socket, struct leat_packet *packet)
{
    (void)socket;
    (void)packet;
}

static int32_t transport_move(void *socket, uint32_t slot, struct leat_packet *packet)
{
    (void)socket;
    (void)slot;
    (void)packet;
    return -ENOTSUP;
}

static void transport_close(void *socket)
{
    (void)socket;
}

#define TRANSPORT(name_, schemes_, family_)                                                            \
    static const struct leat_transport_ops transport_ops = {.size = sizeof(struct leat_transport_ops), \
                                                            .schemes = schemes_,                       \
                                                            .family = family_,                         \
                                                            .check = transport_check,                  \
                                                            .open = transport_open,                    \
                                                            .native = transport_native,                \
                                                            .attach = transport_attach,                \
                                                            .alloc = transport_alloc,                  \
                                                            .drop = transport_drop,                    \
                                                            .send = transport_move,                    \
                                                            .receive = transport_move,                 \
                                                            .close = transport_close};                 \
    LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {.size = sizeof(struct leat_plugin),         \
                                                           .kind = LEAT_PLUGIN_TRANSPORT,              \
                                                           .name = name_,                              \
                                                           .version = "0",                             \
                                                           .summary = "a transport for tests",         \
                                                           .reference = "",                            \
                                                           .licence = "MIT",                           \
                                                           .transport = &transport_ops};

#endif
