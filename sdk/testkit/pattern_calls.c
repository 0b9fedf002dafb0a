#include "pattern_calls.h"

#include "subject.h"

#include <inttypes.h>
#include <string.h>

#define OPS (&test_subject.plugin.pattern)

int32_t pattern_create(void **self, const struct leat_bridge_view *bridge, const void *values)
{
    *self = NULL;
    test_enter("create");
    int32_t result = OPS->create(self, subject_host(), bridge, values);
    test_leave_in_time("create");
    return test_result("create", result);
}

/* Every word of the request that the pattern fills. */
static void judge_request(const struct leat_socket_request *request)
{
    test_require(request->role >= LEAT_ROLE_PUBLISHER && request->role <= LEAT_ROLE_PAIR1,
                 "socket() asked for role %u; expected one of enum leat_role", request->role);
    test_require(request->raw <= 1, "socket() set raw to %u; expected 0 or 1", request->raw);
    for (const char *const *topic = request->topics; topic && *topic; topic++)
        test_require(strlen(*topic) < 4096, "socket() gave a topic of %zu bytes", strlen(*topic));
}

void pattern_socket(void *self, struct leat_socket_request *request)
{
    *request = (struct leat_socket_request){.size = sizeof *request};
    test_enter("socket");
    int32_t result = OPS->socket(self, request);
    test_leave_in_time("socket");
    test_require(result == 0, "socket() returned %s; expected 0", test_errno(result));
    judge_request(request);
}

void pattern_destroy(void *self)
{
    test_enter("destroy");
    OPS->destroy(self);
    test_leave_in_time("destroy");
}

static int32_t judge_reason(const char *hook, int32_t reason)
{
    test_require(reason != LEAT_HOLD,
                 "%s returned LEAT_HOLD, which only outward may, in a plugin with needs_minor = 1 or more", hook);
    test_require(reason >= 0 && reason < LEAT_REASON_COUNT, "%s returned %d; expected one of enum leat_reason, 0 to %d",
                 hook, reason, LEAT_REASON_COUNT - 1);
    return reason;
}

static void judge_outward(const struct leat_outward *out)
{
    static const volatile char *seen;
    test_require(out->header_len <= LEAT_HEADER_MAX, "outward() set header_len to %u; expected at most %d",
                 out->header_len, LEAT_HEADER_MAX);
    test_require(out->prefix_len == 0 || out->prefix, "outward() asked for a prefix of %" PRIu64 " bytes at NULL",
                 out->prefix_len);
    test_require(out->prefix_len < 65536, "outward() asked for a prefix of %" PRIu64 " bytes", out->prefix_len);
    seen = out->prefix;
    for (uint64_t i = 0; i < out->prefix_len; i++)
        (void)seen[i]; /* what is not there crashes here, in outward's name */
}

int32_t pattern_outward(void *self, uint32_t channel, const struct leat_message *message, struct leat_outward *out)
{
    *out = (struct leat_outward){0};
    if (!OPS->outward)
        return LEAT_FORWARD;
    test_enter("outward");
    int32_t reason = OPS->outward(self, channel, message, out);
    if (reason == LEAT_HOLD && test_subject.plugin.table.needs_minor >= 1)
        test_require(out->hold_key < LEAT_HOLD_KEYS, "outward() holds a message under key %u; expected less than %u",
                     out->hold_key, LEAT_HOLD_KEYS);
    else
        judge_reason("outward", reason);
    if (reason == LEAT_FORWARD || reason == LEAT_HOLD)
        judge_outward(out);
    test_leave_in_time("outward");
    return reason;
}

int32_t pattern_inward(void *self, const struct leat_bridge_view *bridge, const struct leat_packet *packet,
                       struct leat_inward *in)
{
    *in = (struct leat_inward){0};
    if (!OPS->inward)
        return LEAT_FORWARD;
    test_enter("inward");
    int32_t reason = judge_reason("inward", OPS->inward(self, packet, in));
    test_leave_in_time("inward");
    test_require(reason != LEAT_FORWARD || in->skip <= packet->len,
                 "inward() skips %" PRIu64 " bytes of a packet of %" PRIu64, in->skip, packet->len);
    test_require(reason != LEAT_FORWARD || in->channel < bridge->channel_count,
                 "inward() chose channel %u of a bridge with %u, counted from 0", in->channel, bridge->channel_count);
    return reason;
}
