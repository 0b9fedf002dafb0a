/* leat_replier: reads questions, writes answers under their tags. It keeps nothing of a question: the tag is the way back. */
#include <leat/request.h>

#include "dialogue.h"
#include "failure.h"

#include <stdlib.h>

struct leat_replier {
    struct dialogue dialogue;
};

int leat_replier_open(struct leat_replier **replier, const char *requests, const char *replies,
                      const struct leat_channel_options *options)
{
    struct leat_replier *new = malloc(sizeof *new);
    if (new == NULL)
        return failure(-ENOMEM, "out of memory");
    int rc = dialogue_open(&new->dialogue, replies, requests, options);
    if (rc != 0) {
        free(new);
        return rc;
    }
    *replier = new;
    return 0;
}

int leat_replier_next(struct leat_replier *replier, void *buffer, size_t size, struct leat_message *request,
                      int64_t timeout_ns)
{
    return dialogue_read(&replier->dialogue, buffer, size, request, timeout_ns);
}

int leat_reply(struct leat_replier *replier, uint64_t tag, const void *data, size_t len, int64_t timeout_ns)
{
    return dialogue_publish(&replier->dialogue, data, len, tag, timeout_ns);
}

void leat_replier_close(struct leat_replier *replier)
{
    if (replier == NULL)
        return;
    dialogue_close(&replier->dialogue);
    free(replier);
}
