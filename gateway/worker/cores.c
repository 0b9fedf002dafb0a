#include "worker/cores.h"

#include <leat/error.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_DEFAULT_MAX 4

/* glibc's own, under its other name: dlsym(RTLD_NEXT) would allocate, and sysconf is called before allocators are ready. */
extern long __sysconf(int name);

static long bound; /* 0: none */

LEAT_API long sysconf(int name)
{
    long value = __sysconf(name);
    return name == _SC_NPROCESSORS_ONLN && bound > 0 && bound < value ? bound : value;
}

static long own_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    return __sysconf(_SC_NPROCESSORS_ONLN); /* more than 1024 of them */
}

void cores_bound(uint32_t threads)
{
    char text[24];
    long cores = own_cores();
    bound = threads ? (long)threads : cores < THREADS_DEFAULT_MAX ? cores : THREADS_DEFAULT_MAX;
    snprintf(text, sizeof text, "%ld", bound);
    setenv("LEAT_NNG_THREADS", text, 1);
}
