#include "cppipc/fault.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define WATCHES 4096
#define RESERVED 1 /* as `begin`: taken, and not filled in yet */

/* The handler may interrupt any thread anywhere, so it finds its ranges without a lock. */
static struct watch {
    _Atomic uintptr_t begin; /* 0: free */
    _Atomic uintptr_t end;
    _Atomic bool hit;
} watches[WATCHES];

static struct sigaction before;
static int install_error;

static struct watch *watch_of(uintptr_t address)
{
    for (struct watch *watch = watches; watch < watches + WATCHES; watch++) {
        /* acquire: with fault_watch's release; `end` belongs to this `begin` */
        uintptr_t begin = atomic_load_explicit(&watch->begin, memory_order_acquire);
        if (begin > RESERVED && address >= begin && address < atomic_load_explicit(&watch->end, memory_order_relaxed))
            return watch;
    }
    return NULL;
}

static bool answer_with_zeros(const siginfo_t *info)
{
    struct watch *watch = info->si_code > 0 ? watch_of((uintptr_t)info->si_addr) : NULL; /* <= 0: somebody sent it */
    if (watch == NULL)
        return false;
    uintptr_t begin = atomic_load_explicit(&watch->begin, memory_order_relaxed);
    size_t bytes = atomic_load_explicit(&watch->end, memory_order_relaxed) - begin;
    void *at = (void *)begin; // NOLINT(performance-no-int-to-ptr): it was a pointer
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    if (mmap(at, bytes, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED)
        return false;
    atomic_store_explicit(&watch->hit, true, memory_order_release);
    return true;
}

/* Nobody else wants it: the default, which the faulting instruction meets when it is tried again. */
static void end_as_ever(const siginfo_t *info)
{
    signal(SIGBUS, SIG_DFL);
    if (info->si_code <= 0)
        raise(SIGBUS);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    int error = errno;
    if (answer_with_zeros(info)) {
        errno = error;
        return;
    }
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(number, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(number);
    else
        end_as_ever(info);
    errno = error;
}

static void install(void)
{
    struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sigemptyset(&ours.sa_mask);
    /* `before` is there before the handler is: sigaction would fill it in too late. */
    if (sigaction(SIGBUS, NULL, &before) != 0 || sigaction(SIGBUS, &ours, NULL) != 0)
        install_error = -errno;
}

int fault_watch(void *at, size_t bytes)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    if (install_error != 0)
        return install_error;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < WATCHES; i++) {
        uintptr_t nobody = 0;
        if (!atomic_compare_exchange_strong_explicit(&watches[i].begin, &nobody, RESERVED, memory_order_acquire,
                                                     memory_order_relaxed))
            continue;
        atomic_store_explicit(&watches[i].hit, false, memory_order_relaxed);
        atomic_store_explicit(&watches[i].end, ((uintptr_t)at + bytes + page - 1) & ~(page - 1), memory_order_relaxed);
        atomic_store_explicit(&watches[i].begin, (uintptr_t)at, memory_order_release); /* with watch_of's acquire */
        return i;
    }
    return -ENOSPC;
}

void fault_unwatch(int watch)
{
    if (watch >= 0)
        atomic_store_explicit(&watches[watch].begin, 0, memory_order_release);
}

bool fault_has_hit(int watch)
{
    return watch >= 0 && atomic_load_explicit(&watches[watch].hit, memory_order_acquire);
}
