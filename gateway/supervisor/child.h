/* A worker as its parent sees it: a process that serves some bridges, its life on the page, and when it is started again. */
#ifndef LEAT_SUPERVISOR_CHILD_H
#define LEAT_SUPERVISOR_CHILD_H

#include "base/page.h"
#include "base/process.h"
#include "config/config.h"
#include "supervisor/backoff.h"
#include "supervisor/limiter.h"

/* What all children are started from. */
struct nursery {
    const char *program; /* exec'd with --worker=NAME */
    struct page_map map;
};

/* A bridge, and what the log has said about it last. */
struct bridge_watch {
    struct page_bridge *page;
    uint32_t logged_state;
    char logged_reason[PAGE_TEXT_BYTES];
    struct limiter limiter;
    int64_t down_since_ns; /* when its worker ended; 0: it did not, or the bridge runs again */
};

struct child {
    char name[PAGE_NAME_BYTES];  /* of the worker */
    const struct config *config; /* that its next process gets */
    struct bridge_watch *bridges;
    size_t bridge_count;
    struct process process;
    bool alive, served, killed; /* a process is there; all its lanes have beaten; we have killed it */
    bool unfinished;            /* its last end left something undone */
    bool leaving;               /* it was asked to stop and does not come back */
    bool on_trial;         /* a reload tries it: should it end before it has served, that decides what comes next */
    int64_t started_ns;    /* the last attempt; 0: none yet */
    int64_t restart_at_ns; /* not alive: when to start it; INT64_MAX: never */
    struct backoff backoff;
    struct limiter limiter;
};

/* A child for the worker of that name, and the bridges that it has in that configuration, which are on the page. NULL without memory.
 * child_free does not touch a process. */
struct child *child_new(const struct nursery *nursery, const struct config *config, const char *name);
void child_free(struct child *child);

/* Describes its bridges on the page as its configuration has them, and starts a process. 0; otherwise its bridges have failed on the
 * page, and a next attempt is planned. */
int child_start(struct child *child, struct nursery *nursery);

/* SIGTERM: drain and end, and do not come back until child_start. SIGKILL, with the reason for the log. */
void child_ask_to_stop(struct child *child, struct nursery *nursery);
void child_kill(struct child *child, const char *reason);

/* Once its pidfd is readable: reaps it, settles the books of its lanes, and either plans its restart or, when it is leaving, says what
 * it left. One on trial is not started again. */
void child_ended(struct child *child, struct nursery *nursery);

/* Kills it when a lane has been silent for too long. Nothing before `grace_ns` counts as silence. */
void child_check_pulse(struct child *child, int64_t now_ns, int64_t grace_ns);

/* "bridge 'quotes'", or "the 3 bridges of 'group'". */
void child_describe(const struct child *child, char *text, size_t size);

#endif
