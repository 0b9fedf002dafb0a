/* A bridge at work: the pattern's instance, the socket with its endpoints, and the lanes between it and the channels.
 *
 *     bridge_open -> bridge_attach (again while -EADDRINUSE) -> bridge_start -> ... -> bridge_stop -> bridge_has_left
 *
 * Everything is called from one thread, the worker's main thread. What a bridge does stands in its part of the page. */
#ifndef LEAT_BRIDGE_BRIDGE_H
#define LEAT_BRIDGE_BRIDGE_H

#include "base/page.h"
#include "plugin/resolve.h"

#include <stdbool.h>

struct bridge;

/* Creates the pattern and opens the socket. `resolved` and `map` outlive the bridge; `gateway` is the gateway's name, part of
 * the name of durable readers. 0, or -errno with a sentence in `explain`. */
int bridge_open(struct bridge **bridge, const char *gateway, const struct resolved_bridge *resolved,
                struct page_map *map, char *explain, size_t explain_size);

/* Listens and dials. After a failure the next call goes on with the endpoint that failed. 0, or -errno with a sentence. */
int bridge_attach(struct bridge *bridge, char *explain, size_t explain_size);

/* Starts the lanes. 0 or -errno. */
int bridge_start(struct bridge *bridge);

/* The engine has closed the socket by itself: only a new process helps. */
bool bridge_is_broken(const struct bridge *bridge);

/* Brings what the page says of the peers up to date, and notes what is new of them. To be called about once a second. */
void bridge_audit(struct bridge *bridge);

/* Asks every lane to take nothing new, to finish what is under way, and to leave at the latest at `deadline_ns`
 * (CLOCK_MONOTONIC). Does not wait. */
void bridge_stop(struct bridge *bridge, int64_t deadline_ns);
bool bridge_has_left(const struct bridge *bridge);

/* Messages that its lanes have left unfinished. Once it has left. */
uint64_t bridge_unfinished(const struct bridge *bridge);

/* What all peers together have been sent so far, as the engine counts it: it moves while queues still empty. */
uint64_t bridge_progress(struct bridge *bridge);
bool bridge_sends(const struct bridge *bridge); /* it has an outward lane, and at least one peer */

/* Joins the lanes, closes the socket and frees everything; half-built and NULL are fine. An engine's close may hang, so a worker
 * does not call it: it exits. */
void bridge_free(struct bridge *bridge);

#endif
