#include "common/sp_forgotten.h"

#include "common/sp_address.h"
#include "common/sp_peers.h"

#include <dirent.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#define MISSED_CLOSES 2
#define MISSED_STUCK 8
#define CLOSED_AT_ONCE 32 /* pipes of a socket; the others come with the next look */
#define STATE_ESTABLISHED 1
#define STATE_CLOSE_WAIT 8

struct address {
    char text[sizeof(((struct sp_peer *)0)->address)];
};

/* The other ends of this process' living TCP connections, sorted. */
struct living {
    struct address *items;
    size_t count, capacity;
    bool stuck; /* a pipe that was closed here has not gone */
};

/* ---- the connections that there are ---------------------------------------------------------------------------------- */

/* One that the peer has ended lives on while something of it is unread. */
static bool is_living(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    int unread = 0;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return false;
    if (info.tcpi_state == STATE_ESTABLISHED)
        return true;
    return info.tcpi_state == STATE_CLOSE_WAIT && ioctl(fd, FIONREAD, &unread) == 0 && unread > 0;
}

static bool add(struct living *living, int fd)
{
    if (living->count == living->capacity) {
        size_t capacity = living->capacity ? 2 * living->capacity : 64;
        struct address *items = realloc(living->items, capacity * sizeof *items);
        if (!items)
            return false;
        living->items = items;
        living->capacity = capacity;
    }
    struct address *next = &living->items[living->count];
    living->count += sp_address_of_fd(fd, next->text, sizeof next->text);
    return true;
}

static int compare(const void *one, const void *other)
{
    return strcmp(((const struct address *)one)->text, ((const struct address *)other)->text);
}

static bool find_living(struct living *living)
{
    DIR *folder = opendir("/proc/self/fd");
    bool complete = folder != NULL;
    for (struct dirent *entry; complete && (entry = readdir(folder));) {
        int fd = entry->d_name[0] == '.' ? -1 : atoi(entry->d_name);
        if (fd >= 0 && is_living(fd))
            complete = add(living, fd);
    }
    if (folder)
        closedir(folder);
    if (living->count)
        qsort(living->items, living->count, sizeof *living->items, compare);
    return complete;
}

/* ---- the peers on record --------------------------------------------------------------------------------------------- */

/* A peer on TCP, whatever lies above it; others have no address of their own. A reset may come before nng has told of the pipe. */
static bool has_connection(const struct living *living, const struct sp_peer *peer)
{
    if (strncmp(peer->address, SP_ADDRESS_GONE, strlen(SP_ADDRESS_GONE)) == 0)
        return false;
    bool is_inet = (peer->address[0] >= '0' && peer->address[0] <= '9') || peer->address[0] == '[';
    return !is_inet ||
           (living->count && bsearch(peer->address, living->items, living->count, sizeof *living->items, compare));
}

/* A pipe is closed without the lock: nng tells of its end, perhaps at once. */
static void compare_peers(struct sp_peers *peers, void *of)
{
    struct living *living = of;
    nng_pipe forgotten[CLOSED_AT_ONCE];
    uint32_t count = 0;
    bool waits = !peers->receives || atomic_load_explicit(&peers->waiting, memory_order_relaxed) > 0;
    pthread_mutex_lock(&peers->lock);
    for (uint32_t i = 0; i < peers->count; i++) {
        struct sp_peer *peer = &peers->items[i];
        bool missed = peer->connected && (waits || peer->missed > MISSED_CLOSES) && !has_connection(living, peer);
        peer->missed = (uint8_t)(missed ? peer->missed + (peer->missed < MISSED_STUCK) : 0);
        if (peer->missed == MISSED_CLOSES && count == CLOSED_AT_ONCE)
            peer->missed--;
        else if (peer->missed == MISSED_CLOSES)
            forgotten[count++].id = peer->pipe;
        living->stuck |= peer->missed == MISSED_STUCK;
    }
    pthread_mutex_unlock(&peers->lock);
    for (uint32_t i = 0; i < count; i++)
        nng_pipe_close(forgotten[i]);
}

static void count_peers(struct sp_peers *peers, void *of)
{
    *(uint32_t *)of += sp_peers_count(peers);
}

int sp_forgotten_look(void)
{
    static time_t looked; /* one probe at a time */
    struct timespec now;
    uint32_t peers = 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec == looked)
        return 0;
    looked = now.tv_sec;
    sp_peers_each(count_peers, &peers);
    if (peers == 0)
        return 0;
    struct living living = {0};
    if (find_living(&living))
        sp_peers_each(compare_peers, &living);
    free(living.items);
    return living.stuck ? NNG_ETIMEDOUT : 0;
}
