/* reqrep: a question to one, and its answer back. Inward local repliers serve remote requesters; outward local requesters ask
 * remote repliers. What it does is in common/questions.h. */
#include "common/questions.h"

#include <leat/version.h>

static const struct leat_option rows[] = {
    LEAT_OPTION_RANGE(
        struct questions_options, timeout_ns, "timeout", LEAT_OPTION_DURATION, QUESTIONS_TIMEOUT_DEFAULT,
        QUESTIONS_TIMEOUT_MIN_NS, QUESTIONS_TIMEOUT_MAX_NS,
        "How long the answer to a request is taken. Outward it counts from when the request was published."),
    LEAT_OPTION_RANGE(struct questions_options, pending, "pending", LEAT_OPTION_INT, QUESTIONS_PENDING_DEFAULT, 1,
                      QUESTIONS_PENDING_MAX,
                      "Requests that may be without an answer at a time. One more is dropped, as slow_peer."),
};

static const struct questions_kind kind = {.asking = LEAT_ROLE_REQUESTER, .answering = LEAT_ROLE_REPLIER};

static int32_t create(void **out, const struct leat_host *host, const struct leat_bridge_view *bridge,
                      const void *options)
{
    return questions_create(out, &kind, host, bridge, options);
}

static const char reference[] =
    "reqrep carries requests to a replier, and each reply back to whoever asked.\n"
    "\n"
    "direction = in: remote requesters (nng REQ sockets) send requests, which go into `channel`, each with a tag\n"
    "that no other has. Local repliers read them there and publish their answers on `reply_channel` with the same\n"
    "tag, in any order and as many at once as they like (leat_replier in C does it). The bridge sends each answer\n"
    "to the requester that the tag stands for.\n"
    "\n"
    "direction = out: local requesters publish requests on `channel`, each with a tag of its own choice\n"
    "(leat_requester draws them at random, so that several may share the channel), and read answers with that tag\n"
    "on `reply_channel`. The bridge asks remote repliers (nng REP sockets); with several of them each request\n"
    "goes to one that is ready. While no replier is connected requests stay in the channel; those that have\n"
    "waited there longer than reqrep.timeout are not sent any more (expired).\n"
    "\n"
    "What does not belong to an open request is dropped and counted, never delivered to somebody else:\n"
    "\n"
    "    expired     the answer came after reqrep.timeout, or the request waited longer than that\n"
    "    duplicate   a second answer to a request: the first one counts\n"
    "    unknown     an answer that no request of this bridge since its worker's start asked for: a wrong tag, an\n"
    "                answer for another user of the same reply channel, or for a request from before a restart\n"
    "    no_peer     the requester has gone\n"
    "    slow_peer   reqrep.pending requests are without an answer: the repliers are too slow, or dead; or a peer\n"
    "                does not take what is sent to it\n"
    "    malformed   a request or a reply without a proper way back\n"
    "\n"
    "What it keeps: which answer is whose, whoever dies in between. A requester gets its answer or runs into its\n"
    "own time limit. What it cannot: ask again when a replier dies with a request, nor tell a requester at once\n"
    "that there is no replier, nor wait for answers when it is stopped: what is open then gets none. nng's REQ\n"
    "sockets ask again by themselves, after a minute or when their connection breaks, so a replier may see a\n"
    "request twice; both answers are carried, and the requester takes the first.\n"
    "\n"
    "Both channels must keep tags. Every replier that reads the channel sees every request: two of them answer\n"
    "twice, and the later answer is a duplicate.\n"
    "\n"
    "Examples:\n"
    "\n"
    "    [bridge.orders]\n"
    "    pattern       = reqrep\n"
    "    direction     = in\n"
    "    channel       = shm://orders\n"
    "    reply_channel = shm://orders.replies\n"
    "    listen        = tcp://*:6000\n"
    "    reqrep.timeout = 2s\n"
    "\n"
    "    [bridge.prices]\n"
    "    pattern       = reqrep\n"
    "    direction     = out\n"
    "    channel       = shm://prices\n"
    "    reply_channel = shm://prices.replies\n"
    "    dial          = tcp://far.example:6001\n";

static const struct leat_pattern_ops ops = {
    .size = sizeof(struct leat_pattern_ops),
    .directions = LEAT_OUT | LEAT_IN,
    .waits_for_peer = LEAT_OUT,
    .answers = 1,
    .check = questions_check,
    .create = create,
    .socket = questions_socket,
    .outward = questions_outward,
    .inward = questions_inward,
    .destroy = questions_destroy,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .needs_minor = 0,
    .kind = LEAT_PLUGIN_PATTERN,
    .options_size = sizeof(struct questions_options),
    .name = "reqrep",
    .version = LEAT_VERSION,
    .summary = "Requests to one replier, each answer back to its requester, many at once",
    .reference = reference,
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .pattern = &ops,
};
