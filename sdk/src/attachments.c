#include "attachments.h"
#include "segment.h"

#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct segment *first;

static void before_fork(void)
{
    pthread_mutex_lock(&mutex);
}

static void in_parent(void)
{
    pthread_mutex_unlock(&mutex);
}

static void in_child(void)
{
    for (struct segment *segment = first; segment != NULL; segment = segment->next) {
        close(segment->fd);
        segment->fd = -1;
    }
    pthread_mutex_unlock(&mutex);
}

static void install(void)
{
    pthread_atfork(before_fork, in_parent, in_child);
}

void attachments_add(struct segment *segment)
{
    pthread_once(&once, install);
    pthread_mutex_lock(&mutex);
    segment->next = first;
    segment->link = &first;
    if (first != NULL)
        first->link = &segment->next;
    first = segment;
    pthread_mutex_unlock(&mutex);
}

void attachments_remove(struct segment *segment)
{
    pthread_mutex_lock(&mutex);
    if (segment->link != NULL) {
        *segment->link = segment->next;
        if (segment->next != NULL)
            segment->next->link = segment->link;
    }
    pthread_mutex_unlock(&mutex);
}
