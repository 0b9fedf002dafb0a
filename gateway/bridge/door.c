#include "bridge/door.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/access.h"
#include "plugin/host.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_PAUSE_NS INT64_C(10000000000) /* between two notes of refused visitors */

/* What an endpoint said last of its own. */
struct certificate {
    int64_t expires_ns; /* 0: it has none */
    char trouble[sizeof(((struct page_bridge *)0)->certificate_trouble)];
};

struct door {
    const struct resolved_bridge *resolved;
    struct page_map *map;
    struct page_bridge *page;
    struct access *access;
    pthread_mutex_t lock;             /* of what follows */
    struct certificate *certificates; /* by endpoint */
    int64_t noted_ns;
    uint64_t unnoted;
    bool noted;
};

/* ---- visitors ---------------------------------------------------------------------------------------------------- */

/* An address without its port, which differs with every try; a certificate's name; a local peer as it is. */
static void describe(const struct leat_visitor *visitor, char *text, size_t size)
{
    const char *port = strrchr(visitor->address, ':');
    const bool inet = (visitor->knows & LEAT_VISITOR_ADDRESS) != 0 && port != NULL;
    const char *name = (visitor->knows & LEAT_VISITOR_NAMES) != 0 ? visitor->names[0] : NULL;
    if (name != NULL)
        snprintf(text, size, "%s (%s)", visitor->address, name);
    else
        snprintf(text, size, "%.*s", inet ? (int)(port - visitor->address) : (int)strlen(visitor->address),
                 visitor->address);
}

/* How many were refused since the last note, this one included; 0: none is due yet. */
static uint64_t note_is_due(struct door *door)
{
    const int64_t now = clock_monotonic_ns();
    pthread_mutex_lock(&door->lock);
    uint64_t count = ++door->unnoted;
    if (door->noted && now - door->noted_ns < NOTE_PAUSE_NS) {
        count = 0;
    } else {
        door->noted = true;
        door->noted_ns = now;
        door->unnoted = 0;
    }
    pthread_mutex_unlock(&door->lock);
    return count;
}

static void note(struct door *door, const struct leat_visitor *visitor, const char *why)
{
    char who[128], more[64] = "", speaker[96];
    const char *bridge = door->resolved->bridge->name;
    const uint64_t count = note_is_due(door);
    if (count == 0)
        return;
    describe(visitor, who, sizeof who);
    if (count > 1)
        snprintf(more, sizeof more, ", and %" PRIu64 " others since the last such line", count - 1);
    page_note(door->map, bridge, "%s is refused (%s)%s", who, why, more);
    snprintf(speaker, sizeof speaker, "bridge %s", bridge);
    log_line(LEAT_LOG_WARNING, speaker, "peer %s is refused: %s%s", who, why, more);
}

static int32_t admit(void *user, size_t endpoint, const struct leat_visitor *visitor)
{
    struct door *door = user;
    char why[160];
    (void)endpoint;
    if (access_admits(door->access, visitor, why, sizeof why))
        return 0;
    atomic_fetch_add_explicit(&door->page->denied, 1, memory_order_relaxed);
    note(door, visitor, why);
    return -EACCES;
}

/* ---- certificates ------------------------------------------------------------------------------------------------ */

/* The bridge has the first of all that will expire, and the first trouble that there is. Under the lock. */
static void show_certificates(struct door *door)
{
    int64_t first_ns = 0;
    const char *trouble = "";
    for (size_t i = 0; i < door->resolved->endpoint_count; i++) {
        const struct certificate *each = &door->certificates[i];
        if (each->expires_ns != 0 && (first_ns == 0 || each->expires_ns < first_ns))
            first_ns = each->expires_ns;
        if (*trouble == '\0')
            trouble = each->trouble;
    }
    snprintf(door->page->certificate_trouble, sizeof door->page->certificate_trouble, "%s", trouble);
    atomic_store_explicit(&door->page->certificate_expires_ns, (uint64_t)first_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&door->page->access_generation, 1, memory_order_relaxed);
}

static void certificate(void *user, size_t endpoint, int64_t expires_ns, const char *trouble)
{
    struct door *door = user;
    pthread_mutex_lock(&door->lock);
    struct certificate *own = &door->certificates[endpoint];
    own->expires_ns = expires_ns;
    snprintf(own->trouble, sizeof own->trouble, "%s", trouble);
    show_certificates(door);
    pthread_mutex_unlock(&door->lock);
    if (*trouble != '\0')
        page_note(door->map, door->resolved->bridge->name, "changed certificate is not used: %s", trouble);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

struct door *door_open(const struct resolved_bridge *resolved, struct page_map *map, struct page_bridge *page)
{
    struct door *door = calloc(1, sizeof *door);
    struct certificate *certificates = calloc(resolved->endpoint_count + 1, sizeof *certificates);
    if (door == NULL || certificates == NULL) {
        free(certificates);
        free(door);
        return NULL;
    }
    *door = (struct door){.resolved = resolved, .map = map, .page = page, .certificates = certificates};
    door->access = access_new(resolved->bridge);
    pthread_mutex_init(&door->lock, NULL);
    atomic_store_explicit(&page->certificate_expires_ns, 0, memory_order_relaxed);
    page->certificate_trouble[0] = '\0';
    for (size_t i = 0; i < resolved->endpoint_count; i++)
        host_listen(resolved->endpoints[i].host,
                    &(struct host_ear){.user = door, .endpoint = i, .admit = admit, .certificate = certificate});
    return door;
}

void door_close(struct door *door)
{
    if (door == NULL)
        return;
    for (size_t i = 0; i < door->resolved->endpoint_count; i++)
        host_listen(door->resolved->endpoints[i].host, NULL);
    pthread_mutex_destroy(&door->lock);
    access_free(door->access);
    free(door->certificates);
    free(door);
}
