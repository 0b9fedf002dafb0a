#include "common/chance.h"

#include <errno.h>
#include <sys/random.h>

int chance_draw(uint64_t *bits)
{
    ssize_t got;
    do
        got = getrandom(bits, sizeof *bits, 0);
    while (got < 0 && errno == EINTR);
    return got == sizeof *bits ? 0 : -errno;
}
