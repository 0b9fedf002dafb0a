/* All children of the supervisor, those that come and go with a reload included. */
#ifndef LEAT_SUPERVISOR_FAMILY_H
#define LEAT_SUPERVISOR_FAMILY_H

#include "supervisor/child.h"

struct family {
    struct nursery nursery;
    struct child **children;
    size_t count;
    int epoll_fd; /* gets the pidfd of each child, with the child as its data */
};

/* A child for a worker of that configuration, not started. NULL without memory. */
struct child *family_add(struct family *family, const struct config *config, const char *worker);
void family_remove(struct family *family, struct child *child); /* not alive; freed */
void family_fini(struct family *family);                        /* touches no process */

/* Starts a child and watches it. What goes wrong is on the page, and a next attempt is planned. */
void family_start(struct family *family, struct child *child);
void family_start_those_due(struct family *family, int64_t now_ns);

/* When the next is due; INT64_MAX: none. */
int64_t family_due_ns(const struct family *family);

/* A look at the page: what is news for the log, and who is silent. */
void family_look(struct family *family, int64_t now_ns, int64_t grace_ns);

size_t family_count_alive(const struct family *family);
void family_ask_to_stop(struct family *family);
void family_kill(struct family *family, const char *reason);

/* Whether something was left undone by those that have ended. */
bool family_left_something(const struct family *family);

#endif
