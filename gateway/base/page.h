/* The gateway's page: states, counters and the last events of every bridge, in shared memory, so that they outlive a worker
 * and can be read from a busy, hung or dead gateway alike.
 *
 *     supervisor creates -> workers count -> leat ledger, leat top, the admin side read
 *
 * The file is DIRECTORY/leat-gateway.NAME; the layout below is documented and versioned. Every counter only grows. The books of
 * a lane: read = forwarded + dropped[1..] + returned + in flight. `returned` are messages that a worker had read but not
 * finished when it died; its successor reads them again from the durable cursor. A lane without one has nothing returned: there
 * such messages are lost, and dropped. */
#ifndef LEAT_BASE_PAGE_H
#define LEAT_BASE_PAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_MAGIC UINT64_C(0x31454741502e4c00) /* little-endian "\0L.PAGE1" */
#define PAGE_VERSION 2u
#define PAGE_NAME_BYTES 64
#define PAGE_TEXT_BYTES 192
#define PAGE_CONTROL_BYTES 112 /* more than a socket's path may have */
#define PAGE_REASONS 16
#define PAGE_LANES 16 /* for each bridge: one for each channel outwards, one inwards */
#define PAGE_EVENTS 128
#define PAGE_BRIDGES_MAX 4096
#define PAGE_PEERS 64          /* shown of each bridge; the sums are of all */
#define PAGE_LATENCY_STEPS 128 /* four to each doubling, see page_latency_bound_ns() */

enum page_state {
    PAGE_STOPPED = 0,
    PAGE_STARTING,
    PAGE_WAITING,    /* for its channel */
    PAGE_CONNECTING, /* no peer yet, and the pattern needs one */
    PAGE_RUNNING,
    PAGE_DEGRADED,
    PAGE_STOPPING,
    PAGE_FAILED
};

/* How long messages took: outward from their publication to the hand-over to the network, inward from the network's hand-over to
 * their publication. Of samples: every message of a quiet lane, some of a busy one. */
struct page_latency {
    _Alignas(128) _Atomic uint64_t count;
    _Atomic uint64_t sum_ns, max_ns;
    _Alignas(128) _Atomic uint64_t steps[PAGE_LATENCY_STEPS];
};

struct page_lane {
    _Alignas(128) _Atomic uint32_t state; /* enum page_state */
    uint32_t outward;                     /* 1: channel to network */
    char channel[PAGE_NAME_BYTES];        /* "shm://quotes"; an inward lane with several: the first */
    _Atomic uint64_t heartbeat_ns;        /* CLOCK_MONOTONIC of the lane's last turn */
    _Atomic uint32_t durable;             /* 1: outward, and its reader resumes at a stored position */
    _Alignas(128) _Atomic uint64_t read;  /* messages taken from the source, lapped ones included */
    _Atomic uint64_t read_bytes;
    _Atomic uint64_t last_sequence;
    _Alignas(128) _Atomic uint64_t forwarded; /* the sink took them */
    _Atomic uint64_t forwarded_bytes;
    _Atomic uint64_t returned;
    _Atomic uint64_t dropped[PAGE_REASONS]; /* by enum leat_reason */
    _Atomic uint64_t in_flight;             /* as the lane itself counts them; 0 while no worker runs it */
    struct page_latency latency;
};

/* What passed between a bridge and its peers, as the engine counts it. A socket that drops for a slow peer (pubsub, bus, survey) was
 * offered a message for every peer that was there: offered = sent + lost + queued, for each peer of which sends are counted. */
struct page_traffic {
    _Atomic uint64_t offered, offered_bytes;
    _Atomic uint64_t sent, sent_bytes;
    _Atomic uint64_t lost,
        lost_bytes; /* at least so many: a burst shorter than a look may hide some among the queued */
    _Atomic uint64_t received, received_bytes;
};

/* A peer, or one that has left: those stay until their place is needed. Written by the bridge's worker, about once a second. */
struct page_peer {
    _Alignas(64) _Atomic uint32_t changes; /* odd while it is being written */
    uint32_t id;                           /* as the engine numbers it; 0: a free place */
    uint32_t counted;                      /* 0: the transport counts nothing; then sent, lost, received are unknown */
    uint32_t may_lose;                     /* 1: the socket drops what this peer is too slow for */
    char address[112];
    char name[PAGE_NAME_BYTES];    /* of its certificate; "": none */
    uint64_t since_ns, until_ns;   /* CLOCK_REALTIME; until 0: it is here */
    uint64_t lost_since_ns;        /* since when it loses; 0: it does not, now */
    uint64_t lost_last_ns;         /* when it lost last; 0: never */
    uint64_t queued, queued_bytes; /* offered, and neither sent nor known to be lost */
    struct page_traffic traffic;
};

struct page_bridge {
    _Alignas(128) char name[PAGE_NAME_BYTES];
    char worker[PAGE_NAME_BYTES];
    char pattern[PAGE_NAME_BYTES];
    char urls[256];                /* of listen and dial, separated by ", ", without queries; cut where too long */
    _Atomic uint32_t state;        /* enum page_state */
    _Atomic uint32_t worker_pid;   /* 0: none */
    _Atomic uint64_t worker_start; /* start time of that process, /proc/PID/stat field 22 */
    _Atomic uint64_t restarts;
    _Atomic uint64_t state_since_ns; /* CLOCK_REALTIME */
    _Atomic uint32_t peers;
    _Atomic uint32_t lane_count;
    char reason[PAGE_TEXT_BYTES]; /* why degraded, failed or waiting; may be torn while it changes: for people */
    _Atomic uint64_t denied;      /* connections that were refused */
    _Atomic uint64_t certificate_expires_ns;   /* CLOCK_REALTIME, of the first to expire; 0: it has none */
    char certificate_trouble[PAGE_TEXT_BYTES]; /* why a changed certificate is not used; "": it is */
    _Atomic uint32_t access_generation;        /* how often its access rules and certificates were read anew */
    _Atomic uint32_t peers_losing;             /* of those that are here */
    _Atomic uint32_t peers_uncounted;          /* likewise: the socket may drop for them, and nobody knows how much */
    _Atomic uint32_t queue_messages; /* what waits for each peer at most, where the socket drops; 0: it does not */
    _Atomic uint64_t peers_ever;
    struct page_traffic traffic; /* of all peers there ever were, shown or not */
    struct page_lane lanes[PAGE_LANES];
    struct page_peer peers_shown[PAGE_PEERS];
};

struct page_event {
    _Atomic uint64_t number; /* from 1; stored last; 0: empty */
    uint64_t time_ns;        /* CLOCK_REALTIME */
    char bridge[PAGE_NAME_BYTES];
    char text[PAGE_TEXT_BYTES];
};

struct page {
    uint64_t magic;
    uint32_t version, header_bytes;
    uint32_t bridge_bytes, lane_capacity;
    _Atomic uint32_t bridge_capacity; /* only grows, and after the file */
    uint32_t peer_capacity;
    char name[PAGE_NAME_BYTES]; /* the gateway's */
    uint32_t supervisor_pid;
    uint32_t reserved;
    uint64_t started_ns; /* CLOCK_REALTIME */
    _Atomic uint32_t state;
    _Atomic uint32_t bridge_count; /* places in use, and free ones between them: those have no name */
    _Atomic uint64_t generation;   /* of the configuration that runs: 1, and one more with each reload */
    _Atomic uint64_t reloaded_ns;  /* CLOCK_REALTIME of the last that succeeded; 0: none */
    _Atomic uint64_t reload_failures;
    _Atomic uint64_t reload_failed_ns;
    char reload_failure[PAGE_TEXT_BYTES]; /* why the last one failed; "": it did not */
    char control[PAGE_CONTROL_BYTES];     /* path of the socket that takes orders; "": none */
    _Alignas(128) _Atomic uint64_t events_written;
    struct page_event events[PAGE_EVENTS];
    struct page_bridge bridges[]; /* bridge_capacity of them */
};

/* A mapping of a page. */
struct page_map {
    struct page *page;
    size_t bytes;    /* that the file has */
    size_t reserved; /* of addresses; a supervisor has more than `bytes`, so that its page grows in place */
    int fd;
};

/* Creates the page of gateway `name`, or takes over the one of a dead gateway of that name and keeps the counters of bridges
 * that still exist. -EBUSY: a gateway of that name runs (its supervisor holds the page's lock). `directory` NULL: /dev/shm or
 * $LEAT_SHM_DIR. */
int page_create(struct page_map *map, const char *directory, const char *name, const char *const *bridges,
                size_t bridge_count);
/* Waits until the workers that a dead gateway of that name left behind have ended, less than half a second, and ends them then: until
 * then they have its ports. page_create() does so too; this is for looking at ports before. 0, -EBUSY when a gateway of that name
 * runs, -EPERM when it is not this user's, or as page_copy(). */
int page_retire(const char *directory, const char *name);
bool page_worker_lives(const struct page_bridge *bridge); /* whether the process that it names runs */
int page_attach(struct page_map *map, int fd);            /* worker: read and write */
int page_open(struct page_map *map, const char *directory, const char *name); /* looker: read only */
void page_close(struct page_map *map);
bool page_is_live(const char *directory, const char *name); /* whether a supervisor holds it */

/* A private copy of a page, for a looker who trusts nobody: every text in it ends and is plain, every count is in bounds, and it does not
 * change. page_copy_lane() reads one of its lanes once more. 0, or -ENOENT, -EACCES, -EBADMSG (not a page), -EPROTO (a page of
 * another version). */
int page_copy(struct page_map *copy, const char *directory, const char *name);
int page_copy_lane(const struct page_map *copy, struct page_lane *lane);

/* Calls `each` with the name of every gateway that has a page in the directory, in alphabetical order, until it returns
 * non-zero; returns that value, or 0, or -errno. */
int page_list(const char *directory, int (*each)(const char *name, void *user), void *user);

/* The page once more by a descriptor of its own, read and write, for a worker: one that was inherited or dup'ed would carry the
 * supervisor's lock beyond the supervisor's death. A descriptor (O_CLOEXEC), or -errno. */
int page_reopen(const struct page_map *map);

/* How many places for bridges there are, never more than the mapping holds, whatever the page says. */
size_t page_bridge_count(const struct page_map *map);
bool page_bridge_is_used(const struct page_bridge *bridge); /* it has a name */
struct page_bridge *page_find(const struct page_map *map, const char *bridge);

uint64_t page_lane_dropped(const struct page_lane *lane); /* for all reasons together */

/* Whether what a lane leaves unfinished comes again: its channel keeps the position of its reader. */
bool page_lane_resumes(const struct page_lane *lane);

/* What a lane is: its books go on as long as both are the same. */
struct page_lane_title {
    const char *channel;
    bool outward;
};

/* Gives a bridge its lanes, before a worker runs it. Counters that it has already stay with the channel and direction that they were
 * counted for, in whatever place; those of lanes that are no more are forgotten. At most PAGE_LANES. */
void page_set_lanes(struct page_bridge *bridge, const struct page_lane_title *titles, size_t count);

/* Settles the books of a lane whose worker died: what it held is returned where the lane resumes, or else lost and dropped
 * (LEAT_DROP_ERROR). Returns how many messages that were. */
uint64_t page_lane_settle(struct page_lane *lane);

/* The worker of a bridge is gone, and its peers with it. */
void page_peers_leave(struct page_bridge *bridge);

/* The step that a latency counts in, the least that counts in a step (page_latency_bound_ns(PAGE_LATENCY_STEPS): no limit), and what a
 * share of all samples (0.99) did not exceed; 0 without samples. */
size_t page_latency_step(uint64_t ns);
uint64_t page_latency_bound_ns(size_t step);
void page_latency_add(struct page_latency *latency, uint64_t ns); /* any thread */
uint64_t page_latency_share_ns(const struct page_latency *latency, double share);

/* Sets a bridge's state and reason, and notes an event where it changed. Any process, any thread. */
__attribute__((format(printf, 4, 5))) void page_set_state(struct page_map *map, struct page_bridge *bridge,
                                                          enum page_state state, const char *format, ...);
__attribute__((format(printf, 3, 4))) void page_note(struct page_map *map, const char *bridge, const char *format, ...);
const char *page_state_name(uint32_t state);
const char *page_reason_name(uint32_t reason);

#endif
