#include "lease.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static struct flock one_byte(short type, uint64_t offset)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)offset, .l_len = 1};
}

int lease_take(int fd, uint64_t offset)
{
    struct flock lock = one_byte(F_WRLCK, offset);
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

void lease_drop(int fd, uint64_t offset)
{
    struct flock lock = one_byte(F_UNLCK, offset);
    (void)fcntl(fd, F_OFD_SETLK, &lock);
}

void lease_drop_all(int fd)
{
    struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET}; /* a length of 0 is everything */
    (void)fcntl(fd, F_OFD_SETLK, &all);
}

bool lease_held(int fd, uint64_t offset)
{
    struct flock lock = one_byte(F_WRLCK, offset);
    return fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}
