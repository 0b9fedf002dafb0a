/* The peers of a bridge as `leat ledger` shows them: what each was offered, sent and lost. */
#include "base/clock.h"
#include "cli/ledger/books.h"
#include "cli/quantity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OFFERED, SENT, LOST, QUEUED, RECEIVED, NUMBERS };
static const char *const headings[NUMBERS] = {"OFFERED", "SENT", "LOST", "QUEUED", "RECEIVED"};

#define NUMBER_BYTES 24
#define WHO_BYTES (112 + PAGE_NAME_BYTES + 8)

struct row {
    const struct page_peer *peer;
    char who[WHO_BYTES];
    char numbers[NUMBERS][NUMBER_BYTES];
};

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

bool ledger_peer_balances(const struct page_peer *peer)
{
    const struct page_traffic *traffic = &peer->traffic;
    bool half_written =
        atomic_load_explicit(&peer->changes, memory_order_relaxed) % 2 == 1; /* its worker died over it */
    return !peer->counted || !peer->may_lose || half_written ||
           load(&traffic->offered) == load(&traffic->sent) + load(&traffic->lost) + peer->queued;
}

static void print_number(char *text, bool known, bool applies, uint64_t number)
{
    if (!applies) {
        snprintf(text, NUMBER_BYTES, "-");
    } else if (!known) {
        snprintf(text, NUMBER_BYTES, "unknown");
    } else {
        snprintf(text, NUMBER_BYTES, "%" PRIu64, number);
    }
}

static void fill(struct row *row, const struct page_peer *peer)
{
    const struct page_traffic *traffic = &peer->traffic;
    row->peer = peer;
    if (*peer->name) {
        snprintf(row->who, sizeof row->who, "%s (%s)", peer->address, peer->name);
    } else {
        snprintf(row->who, sizeof row->who, "%s", peer->address);
    }
    print_number(row->numbers[OFFERED], true, peer->may_lose, load(&traffic->offered));
    print_number(row->numbers[SENT], peer->counted, true, load(&traffic->sent));
    print_number(row->numbers[LOST], peer->counted || !peer->may_lose, true, load(&traffic->lost));
    print_number(row->numbers[QUEUED], peer->counted, peer->may_lose, peer->queued);
    print_number(row->numbers[RECEIVED], peer->counted, true, load(&traffic->received));
}

/* "3 s ago" */
static const char *ago(char *text, uint64_t at_ns)
{
    int64_t age_ns = clock_realtime_ns() - (int64_t)at_ns;
    return format_duration(text, (double)(age_ns > 0 ? age_ns : 0));
}

static void print_row(const struct row *row, int who_width, const int *widths)
{
    const struct page_peer *peer = row->peer;
    char time[QUANTITY_BYTES];
    printf("  %-*s", who_width, row->who);
    for (int i = 0; i < NUMBERS; i++) {
        printf(" %*s", widths[i], row->numbers[i]);
    }
    if (!ledger_peer_balances(peer)) {
        printf("  OFF BY %+" PRId64, (int64_t)(load(&peer->traffic.offered) - load(&peer->traffic.sent) -
                                               load(&peer->traffic.lost) - peer->queued));
    }
    if (peer->until_ns) {
        printf("  left %s ago", ago(time, peer->until_ns));
    } else if (peer->lost_since_ns) {
        printf("  losing for %s", ago(time, peer->lost_since_ns));
    } else if (peer->lost_last_ns) {
        printf("  lost last %s ago", ago(time, peer->lost_last_ns));
    }
    putchar('\n');
}

/* Those that are here, then those that left. */
static size_t collect(struct row *rows, const struct page_bridge *bridge)
{
    size_t count = 0;
    for (int left = 0; left <= 1; left++) {
        for (size_t i = 0; i < PAGE_PEERS; i++) {
            const struct page_peer *peer = &bridge->peers_shown[i];
            if (peer->id != 0 && (peer->until_ns != 0) == left) {
                fill(&rows[count++], peer);
            }
        }
    }
    return count;
}

static void print_left_out(const struct page_bridge *bridge, const struct row *rows, size_t count)
{
    uint32_t peers = atomic_load_explicit(&bridge->peers, memory_order_relaxed), here = 0;
    for (size_t row = 0; row < count; row++) {
        here += rows[row].peer->until_ns == 0;
    }
    if (peers > here && here == PAGE_PEERS) {
        printf("  %" PRIu32 " more peers are not shown\n", peers - here);
    }
}

static void print_sums(const struct page_bridge *bridge)
{
    const struct page_traffic *traffic = &bridge->traffic;
    uint64_t ever = load(&bridge->peers_ever);
    uint32_t uncounted = atomic_load_explicit(&bridge->peers_uncounted, memory_order_relaxed);
    printf("  all %" PRIu64 " peer%s so far: %" PRIu64 " offered, %" PRIu64 " sent, %" PRIu64 " lost, %" PRIu64
           " received",
           ever, ever == 1 ? "" : "s", load(&traffic->offered), load(&traffic->sent), load(&traffic->lost),
           load(&traffic->received));
    if (uncounted > 0) {
        printf("; unknown of %" PRIu32 " whose transport counts nothing", uncounted);
    }
    putchar('\n');
}

bool ledger_print_peers(const struct page_bridge *bridge)
{
    struct row rows[PAGE_PEERS];
    size_t count = collect(rows, bridge);
    int who_width = 4, widths[NUMBERS];
    bool balanced = true;
    if (count == 0) {
        return true;
    }
    for (int i = 0; i < NUMBERS; i++) {
        widths[i] = (int)strlen(headings[i]);
    }
    for (size_t row = 0; row < count; row++) {
        int who = (int)strlen(rows[row].who);
        who_width = who > who_width ? who : who_width;
        for (int i = 0; i < NUMBERS; i++) {
            int len = (int)strlen(rows[row].numbers[i]);
            widths[i] = len > widths[i] ? len : widths[i];
        }
    }
    printf("  %-*s", who_width, "PEER");
    for (int i = 0; i < NUMBERS; i++) {
        printf(" %*s", widths[i], headings[i]);
    }
    putchar('\n');
    for (size_t row = 0; row < count; row++) {
        print_row(&rows[row], who_width, widths);
        balanced = balanced && ledger_peer_balances(rows[row].peer);
    }
    print_left_out(bridge, rows, count);
    print_sums(bridge);
    return balanced;
}
