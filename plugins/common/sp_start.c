#include "common/sp_start.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define HAS_INIT_PARAMETERS (NNG_MAJOR_VERSION == 1 && NNG_MINOR_VERSION >= 7)
#define THREADS_MAX 256

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* 0: not set, nng decides by the number of cores. */
static unsigned thread_bound(void)
{
    const char *text = getenv("LEAT_NNG_THREADS");
    if (!text)
        return 0;
    char *end;
    unsigned long count = strtoul(text, &end, 10);
    return *end || count == 0 || count > THREADS_MAX ? 0 : (unsigned)count;
}

static void start(void)
{
    unsigned threads = thread_bound();
    if (!threads)
        return;
#if HAS_INIT_PARAMETERS
    nng_init_set_parameter(NNG_INIT_MAX_TASK_THREADS, threads < 2 ? 2 : threads); /* a task may wait for another one */
    nng_init_set_parameter(NNG_INIT_MAX_EXPIRE_THREADS, 1);
    nng_init_set_parameter(NNG_INIT_MAX_POLLER_THREADS, threads);
    nng_init_set_parameter(NNG_INIT_NUM_RESOLVER_THREADS, 1);
#endif
}

void sp_start(void)
{
    pthread_once(&once, start);
}

bool sp_older_than(int major, int minor)
{
    int have_major = 0, have_minor = 0;
    if (sscanf(nng_version(), "%d.%d", &have_major, &have_minor) != 2)
        return false;
    return have_major < major || (have_major == major && have_minor < minor);
}
