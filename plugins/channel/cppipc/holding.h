/* What a process of ours holds of a channel: a receiver's bit, or a route's sender flag. Neither has an owner in cpp-ipc's memory, so
 * that after a kill nobody could tell that they are ours, and a route would stay without a sender for ever. We write it down in a file
 * of our own beside the segments, locked for as long as we live (an open-file-description lock, which the kernel drops): who
 * finds it unlocked is the successor and goes on with what it says. A clean end removes it. */
#ifndef LEAT_CPPIPC_HOLDING_H
#define LEAT_CPPIPC_HOLDING_H

#include "cppipc/handle.h"

struct holding_record {
    uint64_t magic;
    uint64_t device, inode; /* of the ring */
    uint64_t epoch;         /* receiver: as it was. A forced push since may have given the bit to somebody else */
    uint32_t bit;           /* receiver */
    uint32_t sender;        /* 1: the sender flag is ours */
    uint32_t cursor;        /* receiver: where it is once the slot at hand is taken, written down before that */
    uint32_t known;         /* which of the following, HOLDING_... */
    uint32_t next_id;       /* receiver: of the message after the last one that the lane has released */
    uint32_t
        begun_id; /* receiver: one more than that of the last message of which it took a piece that was not the last */
};

#define HOLDING_NEXT 1u
#define HOLDING_BEGUN 2u

struct holding {
    int fd;
    char *path;
    struct holding_record *record; /* mapped; ours to write */
    struct holding_record left;    /* what a dead predecessor left; all zero: nothing */
};

/* `role`: "reader.GATEWAY.BRIDGE" or "sender". Files are leat-cppipc.* in the channel's directory, mode 0600, of this user; anything
 * else of that name is refused (-EPERM). 0; -EBUSY: a live process of ours has it; -errno. */
int holding_open(struct holding *holding, const struct cppipc_where *where, const char *role);
void holding_close(struct holding *holding, bool clean); /* clean: nothing is held any more, the file goes */

/* Whether what was left is still ours: same ring, same epoch, the bit still connected, at most a lap behind, and nobody else has
 * read with it since; or the flag still set. */
bool holding_left_bit(const struct holding *holding, const struct handle *handle);
bool holding_left_sender(const struct holding *holding, const struct handle *handle);

#endif
