/* One plugin, asked for what it finds: loaded and called in a process of its own. */
#ifndef LEAT_CLI_DOCTOR_VISIT_H
#define LEAT_CLI_DOCTOR_VISIT_H

#include "cli/doctor/report.h"
#include "config/config.h"
#include "plugin/registry.h"

enum { VISIT_MOST = 256 }; /* URLs of one plugin */

struct doctor_visit {
    struct registry *registry;
    const struct config *config; /* what --set said, in section "doctor" */
    bool repair;
    const char *plugin;
    const char *wheres[VISIT_MOST]; /* after "://" */
    size_t where_count;             /* 0: everything of its kind */
};

/* False: it could not look, which has been said. A plugin that examines nothing is a failure only where it was asked for by a URL. */
bool doctor_visit(const struct doctor_visit *visit, struct doctor_report *report);

#endif
