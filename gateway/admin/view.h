/* What the admin side has to show: the page, its history, and whether the supervisor moves. */
#ifndef LEAT_ADMIN_VIEW_H
#define LEAT_ADMIN_VIEW_H

#include "admin/history.h"

struct view {
    struct looks looks;
    struct history *history;
    _Atomic int64_t beat_ns; /* CLOCK_MONOTONIC of the supervisor's last turn */
};

#endif
