#include "tls/leave.h"

#include "tls/names.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MOST = 64 }; /* more than any certificate that was made for a purpose */

struct names {
    char *items[NAMES_MOST + 1];
    size_t count;
};

static bool keep(const char *name, bool common, void *user)
{
    struct names *names = user;
    (void)common;
    if (names->count < NAMES_MOST && (names->items[names->count] = strdup(name)) != NULL)
        names->count++;
    return false;
}

bool tls_leave_given(const struct leat_host *host, X509 *certificate, const char *address)
{
    struct names names = {.count = 0};
    if (!host || host->size < offsetof(struct leat_host, admit) + sizeof host->admit || !host->admit)
        return true;
    if (certificate)
        tls_names_each(certificate, keep, &names);
    const struct leat_visitor visitor = {.size = sizeof visitor,
                                         .knows = LEAT_VISITOR_NAMES,
                                         .address = address,
                                         .names = (const char *const *)names.items};
    const bool given = host->admit(host->context, &visitor) == 0;
    for (size_t i = 0; i < names.count; i++)
        free(names.items[i]);
    return given;
}
