/* One ring: who is connected to it and dead, who has its sender flag, and whether its users understand each other. */
#include "cppipc/doctor_case.h"

#include "cppipc/clock.h"
#include "cppipc/leftover.h"

#include <errno.h>
#include <string.h>

#define LONGER_NS (1500 * NS_PER_MS)

static unsigned bits_in(uint32_t mask)
{
    return (unsigned)__builtin_popcount(mask);
}

static bool has_flag(const struct doctor_ring *ring)
{
    return atomic_load_explicit(&ring->at->sender, memory_order_acquire) != 0;
}

static enum cppipc_kind kind_of(const struct doctor *doctor, const struct doctor_ring *ring)
{
    if (ring->by_channel > ring->by_route)
        return CPPIPC_CHANNEL;
    return ring->by_route || has_flag(ring) ? CPPIPC_ROUTE : (enum cppipc_kind)doctor->options->kind;
}

static const char *plural(unsigned count, const char *one, const char *many)
{
    return count == 1 ? one : many;
}

/* ---- the kind --------------------------------------------------------------------------------------------------------- */

/* A slot that a route's receiver read in a channel: nobody's turn, and not marked free. One may be on its way. */
static unsigned read_by_route(const struct doctor_ring *ring)
{
    unsigned count = 0;
    for (unsigned i = 0; i < CPPIPC_SLOTS; i++) {
        uint64_t committed = atomic_load_explicit(&ring->at->slots[i].committed, memory_order_acquire);
        count += (uint32_t)ring->readers[i] == 0 && committed >> 63 && !ring->alive;
    }
    return count;
}

static bool judge_kind(struct doctor *doctor, const struct doctor_ring *ring)
{
    char who[DOCTOR_WHO];
    unsigned foreign = read_by_route(ring);
    bool mixed =
        (ring->by_route > 1 && ring->by_channel > 1) || (has_flag(ring) && ring->by_channel > 1) || foreign > 1;
    if (mixed)
        doctor_tell(
            doctor, LEAT_FINDING_ERROR, LEAT_REPAIR_NONE, doctor_channel(doctor, ring->file->name), "two-kinds",
            "Use one of the two for this name, or two names; stop them all and run leat doctor --repair before they "
            "start again.",
            "it is used as an ipc::route and as an ipc::channel at once, which do not understand each other and "
            "damage each other's messages; it is open in %s",
            doctor_who(ring->file, who));
    return !mixed;
}

/* ---- receivers -------------------------------------------------------------------------------------------------------- */

struct patients {
    struct doctor_ring *ring;
    uint32_t bits;
};

/* As a sender's kick, but of the dead: no epoch changes, and what the living have not read stays. */
static void take_off(struct doctor *doctor, const struct patients *patients, struct attendant *attendant)
{
    struct ring ring = {patients->ring->at, kind_of(doctor, patients->ring)};
    struct pools pools;
    struct leftover leftover = {.pools = &pools, .attendant = attendant};
    pools_init(&pools, doctor->where);
    atomic_fetch_and_explicit(&ring.at->connected, ~patients->bits, memory_order_acq_rel);
    uint32_t before = atomic_load_explicit(&ring.at->write, memory_order_acquire);
    ring_forget(ring, patients->bits, before, leftover_drop, &leftover);
    pools_close(&pools);
}

/* Then all are woken, as when a receiver leaves: senders that slept for room have it now. */
static int disconnect(struct doctor *doctor, void *of)
{
    const struct patients *patients = of;
    struct cppipc_where where = {doctor->where.directory, doctor->where.prefix, patients->ring->file->name};
    struct handle handle;
    struct attendant *attendant;
    char explain[DOCTOR_TEXT];
    int error = handle_open(&handle, &where, patients->ring->file->layout, false, explain, sizeof explain);
    if (error)
        return error;
    error = attendant_start(&attendant, doctor->host, &handle, CPPIPC_WAKE_FUTEX, doctor->options->lock_ns);
    if (!error) {
        doctor_forget_records(doctor, patients->ring, patients->bits);
        take_off(doctor, patients, attendant);
        for (enum handle_waiter which = 0; which < HANDLE_WAITERS; which++)
            attendant_wake(attendant, which);
        attendant_stop(attendant);
        patients->ring->connected &= ~patients->bits;
    }
    handle_close(&handle);
    return error;
}

/* How many receivers can be alive at most: as many as there are handles, less the one that sends. In a channel one handle may
 * do both. */
static unsigned living_at_most(const struct doctor *doctor, const struct doctor_ring *ring)
{
    bool sends = kind_of(doctor, ring) == CPPIPC_ROUTE && has_flag(ring) && ring->modified;
    return ring->file->mappings - (sends && ring->file->mappings);
}

static void tell_dead(struct doctor *doctor, struct doctor_ring *ring, uint32_t bits)
{
    struct patients patients = {ring, bits};
    unsigned dead = bits_in(bits), all = bits_in(ring->connected);
    doctor_tell(
        doctor, LEAT_FINDING_WARNING, doctor_mend(doctor, disconnect, &patients),
        doctor_channel(doctor, ring->file->name), "dead-receivers",
        "Disconnect them and put back the chunks that wait for them; the living lose nothing.",
        "%u of %u connected receivers %s dead: a sender waits for %s until it gives up, and each holds one of %u "
        "places",
        dead, all, plural(dead, "is", "are"), plural(dead, "it", "them"), CPPIPC_RECEIVERS);
}

/* Another three times as long. */
static bool still_holds(const struct doctor_ring *ring)
{
    struct timespec longer = timespec_of(LONGER_NS);
    uint32_t write = atomic_load_explicit(&ring->at->write, memory_order_acquire);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &longer, NULL);
    uint64_t readers = atomic_load_explicit(&ring->at->slots[write % CPPIPC_SLOTS].readers, memory_order_acquire);
    return write == atomic_load_explicit(&ring->at->write, memory_order_acquire) &&
           ((uint32_t)readers & ring->holding) == ring->holding;
}

static bool has_stopped(const struct doctor_file *file)
{
    for (uint32_t i = 0; i < file->pid_count && i < DOCTOR_PIDS; i++)
        if (doctor_state_of(file->pids[i]) == 'T' || doctor_state_of(file->pids[i]) == 't')
            return true;
    return file->pid_count > DOCTOR_PIDS;
}

static int disconnect_holding(struct doctor *doctor, void *of)
{
    struct doctor_ring *ring = of;
    struct patients patients = {ring, ring->holding};
    return still_holds(ring) ? disconnect(doctor, &patients) : 0;
}

/* Dead, or alive and not reading: a sender does not ask either, but a stopped process is not to lose what it may still read. */
static void tell_held(struct doctor *doctor, struct doctor_ring *ring)
{
    char who[DOCTOR_WHO];
    unsigned held = bits_in(ring->holding), all = bits_in(ring->connected);
    bool stopped = has_stopped(ring->file);
    enum leat_finding_repair repair = stopped ? LEAT_REPAIR_NONE : doctor_mend(doctor, disconnect_holding, ring);
    doctor_tell(doctor, LEAT_FINDING_WARNING, repair, doctor_channel(doctor, ring->file->name), "waiting-for-receivers",
                stopped
                    ? "Let the stopped process go on, or end it."
                    : "Disconnect who has still not read a moment later, as a sender does when its limit has passed.",
                "the ring is full and waits for %u of %u receivers, dead or not reading; it is open in %s%s", held, all,
                doctor_who(ring->file, who), stopped ? ", of which one is stopped" : "");
}

static void judge_receivers(struct doctor *doctor, struct doctor_ring *ring)
{
    unsigned connected = bits_in(ring->connected), living = living_at_most(doctor, ring);
    uint32_t still = ring->connected & ring->pending & ~ring->moved;
    unsigned dead = connected > living && doctor_sees_all(doctor, ring->file) ? connected - living : 0;
    if (still && bits_in(still) <= dead)
        tell_dead(doctor, ring, still);
    else if (ring->holding)
        tell_held(doctor, ring);
    else if (dead)
        doctor_tell(doctor, LEAT_FINDING_WARNING, LEAT_REPAIR_NONE, doctor_channel(doctor, ring->file->name),
                    "dead-receivers", "Run it again when messages have been sent: who is dead does not read them.",
                    "at least %u of %u connected receivers %s dead, and which cannot be told yet", dead, connected,
                    plural(dead, "is", "are"));
}

/* ---- the sender flag -------------------------------------------------------------------------------------------------- */

/* Whoever has it open is a bridge that receives, so that the sender is dead for certain. */
static bool is_senderless(const struct doctor *doctor, const struct doctor_ring *ring)
{
    bool one_sends;
    unsigned receiving = doctor_bridges(doctor, ring, &one_sends);
    return !one_sends && ring->file->mappings <= receiving && doctor_sees_all(doctor, ring->file);
}

/* Nobody gets the flag while it is set, so that who has come since is not its holder. */
static int clear_flag(struct doctor *doctor, void *of)
{
    const struct doctor_ring *ring = of;
    (void)doctor;
    ring_leave_sender((struct ring){ring->at, CPPIPC_ROUTE});
    return 0;
}

static void tell_senderless(struct doctor *doctor, struct doctor_ring *ring)
{
    char who[DOCTOR_WHO];
    doctor_tell(doctor, LEAT_FINDING_WARNING, doctor_mend(doctor, clear_flag, ring),
                doctor_channel(doctor, ring->file->name), "stale-sender-flag", "Clear the flag.",
                "it has no sender, only bridges that receive (%s), and the flag of a dead one lets no other in",
                doctor_who(ring->file, who));
}

/* More receivers and senders, by their marks, than have it open. Who is dead shows when something is sent, or by the ring being full. */
static void judge_flag(struct doctor *doctor, struct doctor_ring *ring)
{
    char who[DOCTOR_WHO];
    unsigned connected = bits_in(ring->connected);
    if (kind_of(doctor, ring) != CPPIPC_ROUTE || !has_flag(ring) || ring->modified)
        return;
    if (is_senderless(doctor, ring)) {
        tell_senderless(doctor, ring);
        return;
    }
    if (ring->holding || ring->file->mappings > connected || !doctor_sees_all(doctor, ring->file))
        return;
    doctor_tell(
        doctor, LEAT_FINDING_WARNING, LEAT_REPAIR_NONE, doctor_channel(doctor, ring->file->name), "stale-sender-flag",
        "If no sender is running, stop the receivers too, run leat doctor --repair, and start them again.",
        "its marks say that it has a sender and %u receiver%s, but it is open in %s alone: if it is the sender who "
        "is dead, no other one is let in",
        connected, plural(connected, "", "s"), doctor_who(ring->file, who));
}

/* ---- all of it -------------------------------------------------------------------------------------------------------- */

static void tell_unseen(struct doctor *doctor, const struct doctor_ring *ring)
{
    doctor_tell(doctor, LEAT_FINDING_NOTE, LEAT_REPAIR_NONE, doctor_channel(doctor, ring->file->name), "unseen-users",
                "Run leat doctor as root, and outside of containers, to see who it is.",
                "somebody may use it whom this user does not see: nothing of it is touched");
}

static void tell_good(struct doctor *doctor, const struct doctor_ring *ring)
{
    char who[DOCTOR_WHO];
    unsigned connected = bits_in(ring->connected);
    doctor_tell(doctor, LEAT_FINDING_GOOD, LEAT_REPAIR_NONE, doctor_channel(doctor, ring->file->name), "good", NULL,
                "%s of cpp-ipc %s, %u receiver%s, open in %s",
                ring->by_channel + ring->by_route == 0  ? "unused ring"
                : kind_of(doctor, ring) == CPPIPC_ROUTE ? "ipc::route"
                                                        : "ipc::channel",
                ring->file->layout == CPPIPC_LAYOUT_1_3 ? "1.3" : "1.4", connected, plural(connected, "", "s"),
                doctor_who(ring->file, who));
}

void doctor_judge_ring(struct doctor *doctor, struct doctor_ring *ring)
{
    unsigned found = doctor->found;
    if (!ring->at || doctor_is_left(doctor, ring)) /* told already */
        return;
    if (ring->file->mappings == 0) {
        tell_unseen(doctor, ring);
        return;
    }
    if (judge_kind(doctor, ring)) {
        judge_receivers(doctor, ring);
        judge_flag(doctor, ring);
    }
    if (doctor->found == found)
        tell_good(doctor, ring);
}

/* ---- 1.3 and 1.4 ------------------------------------------------------------------------------------------------------ */

static struct doctor_ring *other_layout(struct doctor *doctor, const struct doctor_ring *ring)
{
    for (size_t i = 0; i < doctor->ring_count; i++)
        if (&doctor->rings[i] != ring && strcmp(doctor->rings[i].file->name, ring->file->name) == 0)
            return &doctor->rings[i];
    return NULL;
}

void doctor_judge_split(struct doctor *doctor, struct doctor_ring *ring)
{
    const struct doctor_ring *other = other_layout(doctor, ring);
    char old[DOCTOR_WHO], new[DOCTOR_WHO];
    if (!other || ring->file->layout != CPPIPC_LAYOUT_1_3 || ring->file->mappings == 0 || other->file->mappings == 0)
        return;
    doctor_tell(
        doctor, LEAT_FINDING_ERROR, LEAT_REPAIR_NONE, doctor_channel(doctor, ring->file->name), "two-versions",
        "Build all of them with one version; cppipc.layout says which of the two a bridge is to use.",
        "programs of cpp-ipc 1.3 and of 1.4 use this name and do not see each other's messages: 1.3 in %s; 1.4 in %s",
        doctor_who(ring->file, old), doctor_who(other->file, new));
}
