#include "supervisor/family.h"

#include "supervisor/report.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

struct child *family_add(struct family *family, const struct config *config, const char *worker)
{
    struct child **children = realloc(family->children, (family->count + 1) * sizeof(*children));
    if (!children)
        return NULL;
    family->children = children;
    struct child *child = child_new(&family->nursery, config, worker);
    if (child)
        family->children[family->count++] = child;
    return child;
}

void family_remove(struct family *family, struct child *child)
{
    for (size_t i = 0; i < family->count; i++) {
        if (family->children[i] != child)
            continue;
        memmove(&family->children[i], &family->children[i + 1], (family->count - i - 1) * sizeof(*family->children));
        family->count--;
        child_free(child);
        return;
    }
}

void family_fini(struct family *family)
{
    for (size_t i = 0; i < family->count; i++)
        child_free(family->children[i]);
    free(family->children);
    family->children = NULL;
    family->count = 0;
}

/* ---- starting -------------------------------------------------------------------------------------------------------- */

static int watch(struct family *family, struct child *child)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = child};
    return epoll_ctl(family->epoll_fd, EPOLL_CTL_ADD, child->process.pidfd, &event) == 0 ? 0 : -errno;
}

void family_start(struct family *family, struct child *child)
{
    if (child_start(child, &family->nursery) != 0)
        return;
    int error = watch(family, child);
    if (error) { /* a limit on watches; unwatched it would end unnoticed, so it ends now and is tried again later */
        child_kill(child, strerror(-error));
        poll(&(struct pollfd){.fd = child->process.pidfd, .events = POLLIN}, 1, -1);
        child_ended(child, &family->nursery);
    }
}

void family_start_those_due(struct family *family, int64_t now_ns)
{
    for (size_t i = 0; i < family->count; i++)
        if (!family->children[i]->alive && family->children[i]->restart_at_ns <= now_ns)
            family_start(family, family->children[i]);
}

int64_t family_due_ns(const struct family *family)
{
    int64_t due_ns = INT64_MAX;
    for (size_t i = 0; i < family->count; i++)
        if (!family->children[i]->alive && family->children[i]->restart_at_ns < due_ns)
            due_ns = family->children[i]->restart_at_ns;
    return due_ns;
}

/* ---- all of them ----------------------------------------------------------------------------------------------------- */

void family_look(struct family *family, int64_t now_ns, int64_t grace_ns)
{
    for (size_t i = 0; i < family->count; i++) {
        struct child *child = family->children[i];
        for (size_t bridge = 0; child->started_ns && !child->leaving && bridge < child->bridge_count; bridge++)
            report_state(&child->bridges[bridge], now_ns);
        child_check_pulse(child, now_ns, grace_ns);
    }
}

size_t family_count_alive(const struct family *family)
{
    size_t alive = 0;
    for (size_t i = 0; i < family->count; i++)
        alive += family->children[i]->alive;
    return alive;
}

void family_ask_to_stop(struct family *family)
{
    for (size_t i = 0; i < family->count; i++)
        child_ask_to_stop(family->children[i], &family->nursery);
}

void family_kill(struct family *family, const char *reason)
{
    for (size_t i = 0; i < family->count; i++)
        child_kill(family->children[i], reason);
}

bool family_left_something(const struct family *family)
{
    bool unfinished = false;
    for (size_t i = 0; i < family->count; i++)
        unfinished = unfinished || family->children[i]->unfinished;
    return unfinished;
}
