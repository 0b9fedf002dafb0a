/* The books of a gateway as `leat ledger` judges and shows them. */
#ifndef LEAT_CLI_LEDGER_BOOKS_H
#define LEAT_CLI_LEDGER_BOOKS_H

#include "base/page.h"

/* Where the gateway is, seen from outside. */
enum ledger_life { LEDGER_LIVE, LEDGER_STOPPED, LEDGER_DEAD };

struct ledger {
    struct page_map page; /* a private copy */
    enum ledger_life life;
    int64_t patience_ns; /* CLOCK_MONOTONIC: until when lanes that do not balance are looked at again */
};

/* Copies the page of gateway `name`. A lane whose worker died with its gateway is settled in the copy, as the next gateway of
 * that name will do. 0, or -errno as page_copy(). */
int ledger_open(struct ledger *ledger, const char *directory, const char *name);
void ledger_close(struct ledger *ledger);

/* read - (forwarded + dropped + returned + in flight): 0 when the books balance. A busy lane is looked at repeatedly, since its
 * counters cannot be read all at one moment; *lane then holds the look that balanced. */
int64_t ledger_balance(const struct ledger *ledger, struct page_lane *lane);

/* offered = sent + lost + queued, where its socket may drop and its transport counts. */
bool ledger_peer_balances(const struct page_peer *peer);

/* The table of a bridge's peers; whether the books of all of them balance. */
bool ledger_print_peers(const struct page_bridge *bridge);

/* Each shows the ledger and returns whether all books balance. */
bool ledger_print_table(struct ledger *ledger);
bool ledger_print_json(struct ledger *ledger, bool pretty);

const char *ledger_life_name(enum ledger_life life);

#endif
