/* A look at the page as JSON; sdk/doc/admin-api.md describes each object. All of them belong to the caller; NULL: no memory. */
#ifndef LEAT_ADMIN_REPORT_H
#define LEAT_ADMIN_REPORT_H

#include "admin/history.h"
#include "admin/look.h"

#include <cjson/cJSON.h>

cJSON *report_gateway(const struct look *look);

/* Ready: the gateway runs, and no bridge has yet to start, is stopped or has failed. One that waits for its channel or its peers is: that
 * is not the gateway's to mend. The reasons name everything that is not as it should be. */
cJSON *report_ready(const struct look *look, bool *ready);

cJSON *report_bridges(const struct look *look);
cJSON *report_bridge(const struct look *look, const struct page_bridge *bridge);  /* with its peers and histograms */
cJSON *report_events(const struct look *look, uint64_t after);                    /* those with a higher number */
cJSON *report_history(const struct history_stretch *stretch, const char *bridge); /* NULL: the gateway's */

#endif
