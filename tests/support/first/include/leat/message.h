/* A message as a reader sees it: bytes plus what the channel knows about them. */
#ifndef LEAT_MESSAGE_H
#define LEAT_MESSAGE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct leat_message {
    const void *data;  /* payload; aligned to 16 bytes in a native channel; valid until the release (see channel.h) */
    uint64_t len;      /* payload, bytes; 0 is a message like any other */
    uint64_t sequence; /* of this channel, from 0, one for each message; a gap is a message that was aborted */
    uint64_t time_ns;  /* when it was published: CLOCK_REALTIME, nanoseconds since 1970 */
    uint64_t tag;      /* free for the application; correlates requests and answers */
    uint64_t lost;     /* messages overwritten between the previous message that this reader got and this one */
    uint64_t cursor;   /* hand it to leat_reader_acknowledge once this message and all before it are done with */
    uint32_t origin;   /* which writer: its slot in the channel, 0 for the first */
    uint32_t reserved;
};

#ifdef __cplusplus
}
#endif
#endif
