#include "tls/roll.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tls_rolled *all;

void tls_roll_add(struct tls_rolled *rolled)
{
    pthread_mutex_lock(&lock);
    rolled->previous = NULL;
    rolled->next = all;
    if (all)
        all->previous = rolled;
    all = rolled;
    rolled->listed = true;
    pthread_mutex_unlock(&lock);
}

void tls_roll_remove(struct tls_rolled *rolled)
{
    if (!rolled->listed)
        return;
    pthread_mutex_lock(&lock);
    if (rolled->previous)
        rolled->previous->next = rolled->next;
    else
        all = rolled->next;
    if (rolled->next)
        rolled->next->previous = rolled->previous;
    rolled->listed = false;
    pthread_mutex_unlock(&lock);
}

bool tls_roll_find(const char *address, char *name, size_t size)
{
    bool found = false;
    pthread_mutex_lock(&lock);
    for (struct tls_rolled *each = all; each && !found; each = each->next) {
        found = strcmp(each->address, address) == 0;
        if (found)
            snprintf(name, size, "%s", each->name);
    }
    pthread_mutex_unlock(&lock);
    return found;
}
