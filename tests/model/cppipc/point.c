#include "point.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define POINTS_MAX 8u

static struct {
    char name[16];
    int signal;
    unsigned after;
} points[POINTS_MAX];

static unsigned point_count;

bool point_set(const char *text)
{
    const char *act = strchr(text, '='), *after = strchr(text, ':');
    if (!act || point_count == POINTS_MAX || (size_t)(act - text) >= sizeof points[0].name)
        return false;
    memcpy(points[point_count].name, text, (size_t)(act - text));
    points[point_count].signal = strncmp(act, "=stop", 5) == 0 ? SIGSTOP : SIGKILL;
    points[point_count].after = after ? (unsigned)atoi(after + 1) : 1;
    point_count++;
    return true;
}

void point_pass(const char *name)
{
    for (unsigned i = 0; i < point_count; i++)
        if (points[i].after && strcmp(points[i].name, name) == 0 && --points[i].after == 0)
            raise(points[i].signal);
}
