/* The reading end of a bridge: whole messages out of slots, chunks and fragments; counted by their ids, so that a gap is `lost` and
 * what comes a second time is left out. */
#ifndef LEAT_CPPIPC_RECEIVER_H
#define LEAT_CPPIPC_RECEIVER_H

#include "cppipc/handle.h"

#include <leat/message.h>
#include <leat/plugin/host.h>

struct receiver;

/* As leat_channel_ops.reader_open, borrow, release and reader_close. What is borrowed has been copied out; its
 * slot and its chunk are given back with the next borrow, so that a successor finds it when this process is killed before it is in
 * the lane's books. LEAT_ECLOSED: the objects were removed or replaced. */
int receiver_open(struct receiver **receiver, const struct leat_host *host, const char *name,
                  const struct cppipc_options *options, const char *durable_name);
int receiver_borrow(struct receiver *receiver, struct leat_message *message, int64_t timeout_ns);
void receiver_release(struct receiver *receiver);
void receiver_close(struct receiver *receiver);

#endif
