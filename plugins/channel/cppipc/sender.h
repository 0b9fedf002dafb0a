/* The writing end of a bridge. It attaches when a receiver has made the channel: without one there is nobody to write to, and
 * nothing is created. */
#ifndef LEAT_CPPIPC_SENDER_H
#define LEAT_CPPIPC_SENDER_H

#include "cppipc/handle.h"

#include <leat/plugin/host.h>

struct sender;

/* As leat_channel_ops.writer_open, claim, commit, abort and writer_close.
 * claim: LEAT_ETIMEDOUT: no room; -ENOTCONN: nobody is connected and cppipc.without_receiver = drop; -EINVAL: cpp-ipc has no empty messages;
 * LEAT_ETOOBIG. commit: LEAT_ETIMEDOUT: some fragments are through, call it again. */
int sender_open(struct sender **sender, const struct leat_host *host, const char *name,
                const struct cppipc_options *options);
int sender_claim(struct sender *sender, uint64_t len, void **data, int64_t timeout_ns);
int sender_commit(struct sender *sender, uint64_t len, uint64_t tag);
void sender_abort(struct sender *sender);
void sender_close(struct sender *sender);

#endif
