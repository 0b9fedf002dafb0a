/* survey: a question to everybody, and every answer back until the time limit. What it does is in common/questions.h. */
#include "common/questions.h"

#include <leat/version.h>

static const struct leat_option rows[] = {
    LEAT_OPTION_RANGE(
        struct questions_options, timeout_ns, "timeout", LEAT_OPTION_DURATION, QUESTIONS_TIMEOUT_DEFAULT,
        QUESTIONS_TIMEOUT_MIN_NS, QUESTIONS_TIMEOUT_MAX_NS,
        "How long answers to a survey are taken. Outward it counts from when the survey was published; inward the "
        "surveyor has a deadline of its own, and this should not be shorter."),
    LEAT_OPTION_RANGE(struct questions_options, pending, "pending", LEAT_OPTION_INT, QUESTIONS_PENDING_DEFAULT, 1,
                      QUESTIONS_PENDING_MAX,
                      "Surveys whose answers are taken at a time. One more is dropped, as slow_peer."),
};

static const struct questions_kind kind = {.asking = LEAT_ROLE_SURVEYOR,
                                           .answering = LEAT_ROLE_RESPONDENT,
                                           .many_answers = 1};

static int32_t create(void **out, const struct leat_host *host, const struct leat_bridge_view *bridge,
                      const void *options)
{
    return questions_create(out, &kind, host, bridge, options);
}

static const char reference[] =
    "survey asks everybody who is there, and carries every answer back until a time limit.\n"
    "\n"
    "direction = in: remote surveyors (nng SURVEYOR sockets) send surveys, which go into `channel`, each with a\n"
    "tag that no other has. Any number of local respondents read them there and publish their answers on\n"
    "`reply_channel` with the same tag (leat_replier in C does it), also several each. All of them travel back to\n"
    "the surveyor that the tag stands for.\n"
    "\n"
    "direction = out: a local surveyor publishes a survey on `channel` under a tag of its own choice (leat_survey\n"
    "draws one) and reads the answers with that tag on `reply_channel`. The bridge asks all remote respondents\n"
    "(nng RESPONDENT sockets) that are connected at that moment; a survey that nobody is there for is dropped, as\n"
    "no_peer.\n"
    "\n"
    "What does not belong to a survey that runs is dropped and counted, never delivered to somebody else:\n"
    "\n"
    "    expired     the answer came after survey.timeout, or the survey waited longer than that in its channel\n"
    "    unknown     an answer that no survey of this bridge since its worker's start asked for: a wrong tag, an\n"
    "                answer for another user of the same reply channel, or for a survey from before a restart\n"
    "    no_peer     the surveyor has gone, or nobody was there to be asked\n"
    "    slow_peer   survey.pending surveys run at once; or a peer does not take what is sent to it\n"
    "    malformed   a survey or an answer without a proper way back\n"
    "\n"
    "What it keeps: which answer is to which survey, whoever dies in between. What it cannot: know how many\n"
    "answers there will be, or that a surveyor has given up: each nng surveyor has its own deadline, ignores what\n"
    "comes later, and forgets a survey when it sends the next one. Its queue takes 128 answers that its program\n"
    "has not read yet.\n"
    "\n"
    "Both channels must keep tags.\n"
    "\n"
    "Examples:\n"
    "\n"
    "    [bridge.roll-call]\n"
    "    pattern       = survey\n"
    "    direction     = in\n"
    "    channel       = shm://roll-call\n"
    "    reply_channel = shm://roll-call.answers\n"
    "    listen        = tcp://*:6010\n"
    "    survey.timeout = 1s\n"
    "\n"
    "    [bridge.fleet]\n"
    "    pattern       = survey\n"
    "    direction     = out\n"
    "    channel       = shm://fleet\n"
    "    reply_channel = shm://fleet.answers\n"
    "    listen        = tcp://*:6011\n";

static const struct leat_pattern_ops ops = {
    .size = sizeof(struct leat_pattern_ops),
    .directions = LEAT_OUT | LEAT_IN,
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
    .name = "survey",
    .version = LEAT_VERSION,
    .summary = "A question to everybody, every answer back until the time limit",
    .reference = reference,
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .pattern = &ops,
};
