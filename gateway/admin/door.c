#include "admin/door.h"

#include "base/clock.h"

#include <sys/socket.h>

void door_init(struct door *door)
{
    pthread_mutex_init(&door->lock, NULL);
    for (size_t i = 0; i < DOOR_PLACES; i++)
        door->places[i].fd = -1;
}

void door_fini(struct door *door)
{
    pthread_mutex_destroy(&door->lock);
}

struct door_place *door_enter(struct door *door, int fd)
{
    struct door_place *place = NULL;
    pthread_mutex_lock(&door->lock);
    for (size_t i = 0; i < DOOR_PLACES && !place; i++)
        if (door->places[i].fd < 0)
            place = &door->places[i];
    if (place)
        *place = (struct door_place){.fd = fd, .since_ns = clock_monotonic_ns()};
    pthread_mutex_unlock(&door->lock);
    return place;
}

void door_served(struct door *door, struct door_place *place)
{
    if (!place)
        return;
    pthread_mutex_lock(&door->lock);
    place->since_ns = clock_monotonic_ns();
    pthread_mutex_unlock(&door->lock);
}

void door_leave(struct door *door, struct door_place *place)
{
    if (!place)
        return;
    pthread_mutex_lock(&door->lock);
    place->fd = -1;
    pthread_mutex_unlock(&door->lock);
}

void door_shut(struct door *door, int64_t before_ns)
{
    pthread_mutex_lock(&door->lock);
    for (size_t i = 0; i < DOOR_PLACES; i++)
        if (door->places[i].fd >= 0 && door->places[i].since_ns < before_ns)
            shutdown(door->places[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&door->lock);
}
