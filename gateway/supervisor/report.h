/* What the log says about the state of a bridge: one line when it changes, never faster than a person reads. */
#ifndef LEAT_SUPERVISOR_REPORT_H
#define LEAT_SUPERVISOR_REPORT_H

#include "supervisor/child.h"

/* Looks at the bridge's state on the page and logs it when it is news. */
void report_state(struct bridge_watch *bridge, int64_t now_ns);

/* Logs what a stopped bridge leaves behind, in the ledger's numbers. */
void report_unfinished(const struct page_bridge *bridge);

#endif
