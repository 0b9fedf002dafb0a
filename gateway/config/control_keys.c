#include "config/control_keys.h"

#include <grp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define PATH_MAX_BYTES (sizeof((struct sockaddr_un *)0)->sun_path - 1)

int64_t control_keys_group(const char *name)
{
    char *end;
    const struct group *group = getgrnam(name);
    unsigned long long number = strtoull(name, &end, 10);
    if (group)
        return group->gr_gid;
    return *name && !*end && number < UINT32_MAX ? (int64_t)number : -1;
}

static void check_path(const struct config_entry *entry, struct problems *problems)
{
    if (strcmp(entry->value, "off") == 0 || (entry->value[0] == '/' && strlen(entry->value) <= PATH_MAX_BYTES))
        return;
    problems_add(problems, entry->file, entry->line,
                 "[gateway] control = %.160s: expected 'off', or a path from the root of at most %zu bytes, such as "
                 "/run/leat/edge.sock",
                 config_shown(entry), PATH_MAX_BYTES);
}

void control_keys_check(const struct config *config, struct problems *problems)
{
    const struct config_entry *path = config_find(config, "gateway", "control");
    const struct config_entry *group = config_find(config, "gateway", "control_group");
    if (path && !path->doubtful)
        check_path(path, problems);
    if (group && !group->doubtful && control_keys_group(group->value) < 0)
        problems_add(problems, group->file, group->line, "[gateway] control_group = %.80s: there is no such group",
                     config_shown(group));
}
