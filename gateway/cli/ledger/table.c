#include "base/clock.h"
#include "cli/ledger/books.h"
#include "cli/quantity.h"

#include <leat/plugin/pattern.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { READ, FORWARDED, DROPPED, RETURNED, IN_FLIGHT, NUMBERS };
static const char *const headings[NUMBERS] = {"READ", "FORWARDED", "DROPPED", "RETURNED", "IN FLIGHT"};

struct columns {
    int lane, state, numbers[NUMBERS];
};

static void numbers_of(const struct page_lane *lane, uint64_t *numbers)
{
    numbers[READ] = atomic_load_explicit(&lane->read, memory_order_relaxed);
    numbers[FORWARDED] = atomic_load_explicit(&lane->forwarded, memory_order_relaxed);
    numbers[DROPPED] = page_lane_dropped(lane);
    numbers[RETURNED] = atomic_load_explicit(&lane->returned, memory_order_relaxed);
    numbers[IN_FLIGHT] = atomic_load_explicit(&lane->in_flight, memory_order_relaxed);
}

static const char *lane_state(const struct page_lane *lane)
{
    return page_state_name(atomic_load_explicit(&lane->state, memory_order_relaxed));
}

static void widen(int *width, int needed)
{
    if (*width < needed) {
        *width = needed;
    }
}

/* Whether the books of all lanes balance; every lane is left as its last look found it. */
static bool balance_all(struct ledger *ledger, struct columns *columns)
{
    bool balanced = true;
    *columns = (struct columns){.lane = 4, .state = 5};
    for (int i = 0; i < NUMBERS; i++) {
        columns->numbers[i] = (int)strlen(headings[i]);
    }
    for (size_t i = 0; i < page_bridge_count(&ledger->page); i++) {
        struct page_bridge *bridge = &ledger->page.page->bridges[i];
        if (!page_bridge_is_used(bridge)) {
            continue;
        }
        for (uint32_t k = 0; k < atomic_load_explicit(&bridge->lane_count, memory_order_relaxed); k++) {
            struct page_lane *lane = &bridge->lanes[k];
            uint64_t numbers[NUMBERS];
            balanced = ledger_balance(ledger, lane) == 0 && balanced;
            numbers_of(lane, numbers);
            widen(&columns->lane, (int)strlen(lane->channel) + 4);
            widen(&columns->state, (int)strlen(lane_state(lane)));
            for (int n = 0; n < NUMBERS; n++) {
                widen(&columns->numbers[n], snprintf(NULL, 0, "%" PRIu64, numbers[n]));
            }
        }
    }
    return balanced;
}

static void print_reasons(const struct page_lane *lane)
{
    const char *before = "    dropped: ";
    for (uint32_t reason = 1; reason < PAGE_REASONS; reason++) {
        uint64_t count = atomic_load_explicit(&lane->dropped[reason], memory_order_relaxed);
        if (count > 0) {
            printf("%s%" PRIu64 " %s", before, count, page_reason_name(reason));
            before = ", ";
        }
    }
    if (*before == ',') {
        putchar('\n');
    }
}

static void print_latency(const struct page_lane *lane)
{
    const struct page_latency *latency = &lane->latency;
    char half[QUANTITY_BYTES], most[QUANTITY_BYTES], max[QUANTITY_BYTES];
    uint64_t count = atomic_load_explicit(&latency->count, memory_order_relaxed);
    if (count > 0) {
        printf("    latency: half within %s, 99 %% within %s, all within %s (%" PRIu64 " measured)\n",
               format_duration(half, (double)page_latency_share_ns(latency, 0.5)),
               format_duration(most, (double)page_latency_share_ns(latency, 0.99)),
               format_duration(max, (double)atomic_load_explicit(&latency->max_ns, memory_order_relaxed)), count);
    }
}

static void print_lane(const struct ledger *ledger, struct page_lane *lane, const struct columns *columns)
{
    uint64_t numbers[NUMBERS];
    char name[PAGE_NAME_BYTES + 8];
    int64_t off = ledger_balance(ledger, lane);
    numbers_of(lane, numbers);
    snprintf(name, sizeof name, "%s %s", lane->outward ? "out" : "in ", lane->channel);
    printf("  %-*s %-*s", columns->lane, name, columns->state, lane_state(lane));
    for (int i = 0; i < NUMBERS; i++) {
        printf(" %*" PRIu64, columns->numbers[i], numbers[i]);
    }
    if (off == 0) {
        puts("  ok");
    } else {
        printf("  OFF BY %+" PRId64 "\n", off);
    }
    print_reasons(lane);
    print_latency(lane);
}

static void print_access(const struct page_bridge *bridge)
{
    uint64_t denied = atomic_load_explicit(&bridge->denied, memory_order_relaxed);
    if (denied > 0) {
        printf("  %" PRIu64 " connection%s refused\n", denied, denied == 1 ? "" : "s");
    }
}

static void print_lanes(const struct ledger *ledger, struct page_bridge *bridge, const struct columns *columns)
{
    uint32_t lanes = atomic_load_explicit(&bridge->lane_count, memory_order_relaxed);
    if (lanes == 0) {
        return;
    }
    printf("  %-*s %-*s", columns->lane, "LANE", columns->state, "STATE");
    for (int i = 0; i < NUMBERS; i++) {
        printf(" %*s", columns->numbers[i], headings[i]);
    }
    puts("  BOOKS");
    for (uint32_t lane = 0; lane < lanes; lane++) {
        print_lane(ledger, &bridge->lanes[lane], columns);
    }
}

/* Whether the books of its peers balance. */
static bool print_bridge(const struct ledger *ledger, struct page_bridge *bridge, const struct columns *columns)
{
    uint32_t pid = atomic_load_explicit(&bridge->worker_pid, memory_order_relaxed);
    uint32_t peers = atomic_load_explicit(&bridge->peers, memory_order_relaxed);
    uint64_t restarts = atomic_load_explicit(&bridge->restarts, memory_order_relaxed);
    printf("\n%s: %s", bridge->name, page_state_name(atomic_load_explicit(&bridge->state, memory_order_relaxed)));
    if (pid != 0) {
        printf(", worker pid %" PRIu32, pid);
    }
    printf(", %" PRIu32 " peer%s, %" PRIu64 " restart%s\n", peers, peers == 1 ? "" : "s", restarts,
           restarts == 1 ? "" : "s");
    printf("  %s  %s\n", bridge->pattern, bridge->urls);
    if (*bridge->reason) {
        printf("  %s\n", bridge->reason);
    }
    print_access(bridge);
    print_lanes(ledger, bridge, columns);
    return ledger_print_peers(bridge);
}

bool ledger_print_table(struct ledger *ledger)
{
    const struct page *page = ledger->page.page;
    char age[QUANTITY_BYTES];
    int64_t age_ns = clock_realtime_ns() - (int64_t)page->started_ns;
    format_duration(age, (double)(age_ns > 0 ? age_ns : 0));
    if (ledger->life == LEDGER_LIVE) {
        printf("gateway %s: live for %s, pid %" PRIu32 "\n", page->name, age, page->supervisor_pid);
    } else if (ledger->life == LEDGER_STOPPED) {
        printf("gateway %s: stopped; these are its last books\n", page->name);
    } else {
        printf("gateway %s: dead; what its workers held counts as returned, or as lost where no position is kept\n",
               page->name);
    }

    struct columns columns;
    bool balanced = balance_all(ledger, &columns);
    for (size_t i = 0; i < page_bridge_count(&ledger->page); i++) {
        struct page_bridge *bridge = &ledger->page.page->bridges[i];
        if (page_bridge_is_used(bridge)) {
            balanced = print_bridge(ledger, bridge, &columns) && balanced;
        }
    }
    return balanced;
}
