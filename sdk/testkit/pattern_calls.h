/* A pattern plugin's functions: each call is noted, timed and its answer judged. What they mean stands in leat/plugin/pattern.h. */
#ifndef SDK_TESTKIT_PATTERN_CALLS_H
#define SDK_TESTKIT_PATTERN_CALLS_H

#include <leat/plugin/pattern.h>

int32_t pattern_create(void **self, const struct leat_bridge_view *bridge, const void *values);
void pattern_socket(void *self, struct leat_socket_request *request);
void pattern_destroy(void *self);

/* An enum leat_reason. A hook that is not there lets everything pass. */
int32_t pattern_outward(void *self, uint32_t channel, const struct leat_message *message, struct leat_outward *out);
int32_t pattern_inward(void *self, const struct leat_bridge_view *bridge, const struct leat_packet *packet,
                       struct leat_inward *in);

#endif
