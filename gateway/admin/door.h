/* How long each connection may take for a request. libmicrohttpd ends one only that is silent; one that sends a byte a second would keep
 * its place for ever. */
#ifndef LEAT_ADMIN_DOOR_H
#define LEAT_ADMIN_DOOR_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define DOOR_PLACES 64 /* connections at once */

struct door_place {
    int fd; /* -1: free */
    int64_t since_ns;
};

struct door {
    pthread_mutex_t lock;
    struct door_place places[DOOR_PLACES];
};

void door_init(struct door *door);
void door_fini(struct door *door);

/* A connection comes, has been served once more, and goes: it leaves before its descriptor is closed. NULL: all places are taken; the
 * others accept that. */
struct door_place *door_enter(struct door *door, int fd);
void door_served(struct door *door, struct door_place *place);
void door_leave(struct door *door, struct door_place *place);

/* Shuts down the connections that were served last, or came, before that. */
void door_shut(struct door *door, int64_t before_ns);

#endif
