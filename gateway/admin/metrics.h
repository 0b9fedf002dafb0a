/* A look at the page as Prometheus reads it (text format 0.0.4). */
#ifndef LEAT_ADMIN_METRICS_H
#define LEAT_ADMIN_METRICS_H

#include "admin/look.h"

char *metrics_text(const struct look *look); /* to be freed; NULL: no memory */

#endif
