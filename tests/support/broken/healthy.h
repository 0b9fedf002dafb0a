/* A pattern plugin with nothing wrong in it, for fixtures to break in exactly one place. */
#ifndef TESTS_SUPPORT_BROKEN_HEALTHY_H
#define TESTS_SUPPORT_BROKEN_HEALTHY_H

#include <leat/plugin/pattern.h>

__attribute__((unused)) static int32_t healthy_create(void **self, const struct leat_host *host,
                                                      const struct leat_bridge_view *bridge, const void *options)
{
    (void)host;
    (void)bridge;
    (void)options;
    *self = NULL;
    return 0;
}

__attribute__((unused)) static int32_t healthy_socket(void *self, struct leat_socket_request *request)
{
    (void)self;
    request->role = LEAT_ROLE_PUBLISHER;
    return 0;
}

__attribute__((unused)) static void healthy_destroy(void *self)
{
    (void)self;
}

/* One direction and the three functions that every pattern needs. */
#define HEALTHY_OPS HEALTHY_OPS_BUT_CREATE, .create = healthy_create
#define HEALTHY_OPS_BUT_CREATE                                                                 \
    .size = sizeof(struct leat_pattern_ops), .directions = LEAT_OUT, .socket = healthy_socket, \
    .destroy = healthy_destroy

static const struct leat_pattern_ops healthy_ops __attribute__((unused)) = {HEALTHY_OPS};

#define HEALTHY_PLUGIN(name_)                                                                       \
    .size = sizeof(struct leat_plugin), .kind = LEAT_PLUGIN_PATTERN, .name = name_, .version = "0", \
    .summary = "broken on purpose", .reference = "For tests.", .licence = "MIT"

#endif
