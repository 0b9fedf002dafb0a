/* Messages that come in pieces: large ones for which no chunk was free are sent as fragments of 64 bytes, a slot each. A fragment says
 * whose it is, of which message, and how many bytes come after it; the first and the last one look like a whole message.
 *
 * Pieces that do not fit together are never put together: what has a gap, is given up by its sender, or began before we came, is not
 * delivered. Memory is taken as bytes come, never for what a length promises. */
#ifndef LEAT_CPPIPC_ASSEMBLY_H
#define LEAT_CPPIPC_ASSEMBLY_H

#include "cppipc/layout.h"

#include <stdbool.h>

#define ASSEMBLY_PARTIALS 32u
#define ASSEMBLY_IGNORED 64u

struct payload {
    unsigned char *bytes;
    uint64_t len, capacity;
};

/* Room for `capacity` bytes; what is there stays. False: no memory. */
bool payload_reserve(struct payload *payload, uint64_t capacity);
void payload_free(struct payload *payload);

struct assembly_partial {
    uint32_t handle, id;
    uint64_t rest; /* bytes still to come; 0: unused */
    uint64_t used; /* when something came last */
    struct payload payload;
};

/* A handle, and a message of it whose slots are passed over. */
struct assembly_ignored {
    uint32_t handle, id;
};

struct assembly {
    uint64_t max_message_bytes, clock;
    uint32_t open;     /* partials in use */
    uint32_t born;     /* messages with an id before it may have begun before we read */
    bool doubting;     /* `born` counts */
    uint32_t ignoring; /* entries in use, and where the next one goes */
    uint32_t ignore_next;
    struct assembly_partial partials[ASSEMBLY_PARTIALS];
    struct assembly_ignored ignored[ASSEMBLY_IGNORED];
};

enum assembly_result {
    ASSEMBLY_NONE,    /* more is to come, or it was a part of what is passed over */
    ASSEMBLY_SLOT,    /* the whole message is in the slot: 64 + remain bytes */
    ASSEMBLY_WHOLE,   /* it is complete, in the caller's payload */
    ASSEMBLY_UNUSABLE /* this message cannot be delivered */
};

void assembly_init(struct assembly *assembly, uint64_t max_message_bytes);
void assembly_fini(struct assembly *assembly);

/* We have begun to read, or missed something: of each handle a message whose id is before `born` may have begun earlier. */
void assembly_doubt(struct assembly *assembly, uint32_t born);
/* Whether a message may have been sent before that. */
bool assembly_is_older(const struct assembly *assembly, uint32_t id);

/* A slot without a chunk. *payload is replaced with ASSEMBLY_WHOLE. */
enum assembly_result assembly_take(struct assembly *assembly, const struct cppipc_message *slot,
                                   struct payload *payload);
/* A slot with a chunk: what its sender had begun before is given up. */
void assembly_pass(struct assembly *assembly, const struct cppipc_message *slot);

#endif
