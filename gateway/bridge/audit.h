/* The books of a bridge's peers, from its engine to the page: who is there, what each was sent and has lost, since when. And the news of
 * them: a peer that begins to lose, one that loses no more, one that takes nothing.
 *
 * Everything is called from the worker's main thread, about once a second; the lanes know nothing of it. */
#ifndef LEAT_BRIDGE_AUDIT_H
#define LEAT_BRIDGE_AUDIT_H

#include "base/page.h"

#include <leat/plugin/transport.h>

#define AUDIT_SUMS 8 /* the members of struct page_traffic */

struct audit_peer;

/* Zero-initialised is ready. */
struct audit {
    struct leat_peer_books *books; /* room for a listing */
    uint32_t capacity;
    struct audit_peer *peers; /* as the last audit found them, by id */
    size_t count;
    bool begun;
    uint64_t gone[AUDIT_SUMS]; /* of peers that have left, and of earlier workers */
    uint32_t notes;            /* events so far, in this audit */
    char trouble[PAGE_TEXT_BYTES];
};

struct bridge;

/* One audit. Without a plugin that keeps books it does nothing. */
void audit_turn(struct audit *audit, struct bridge *bridge);
void audit_fini(struct audit *audit);

#endif
