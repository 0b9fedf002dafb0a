/* Notices when an engine no longer works in this process. Peers that vanish at the wrong moment can leave nng's reaper
 * waiting for ever; traffic may seem to go on, while every later peer leaks and every close hangs. Each engine can be probed,
 * and a probe that does not come back is the news. */
#ifndef LEAT_WORKER_WATCHDOG_H
#define LEAT_WORKER_WATCHDOG_H

#include "plugin/registry.h"

#include <stdatomic.h>
#include <stdint.h>

#define WATCHDOG_ENGINES 8

struct watchdog_engine {
    const struct plugin *plugin;
    const struct leat_host *host;
};

/* Zero-initialised is ready. */
struct watchdog {
    struct watchdog_engine engines[WATCHDOG_ENGINES];
    size_t count;
    _Atomic int64_t asked_ns;     /* CLOCK_MONOTONIC; when the probe under way began, 0: none */
    _Atomic(const char *) asked;  /* name of the engine that it asks */
    _Atomic(const char *) failed; /* name of an engine whose probe failed */
    int64_t seen_ns;              /* the rest is of who looks: `asked_ns` and the time at the last look, */
    int64_t looked_ns;
    int64_t silent_ns; /* and how long that probe has been under way */
};

/* Adds an engine that can be probed; the same one once. Before the start. */
void watchdog_add(struct watchdog *dog, const struct plugin *engine, const struct leat_host *host);
int watchdog_start(struct watchdog *dog); /* 0 or -errno; without engines it does nothing */

/* The name of an engine that is stuck, or NULL. To be asked every now and then, by one thread; never blocks. */
const char *watchdog_stuck(struct watchdog *dog, int64_t now_ns);

#endif
