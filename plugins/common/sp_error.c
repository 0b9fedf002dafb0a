#include "common/sp_error.h"

#include <errno.h>
#include <nng/nng.h>
#include <stdio.h>
#include <string.h>

static const int32_t errors[] = {
    [NNG_EINTR] = -EINTR,
    [NNG_ENOMEM] = -ENOMEM,
    [NNG_EINVAL] = -EINVAL,
    [NNG_EBUSY] = -EBUSY,
    [NNG_ETIMEDOUT] = -ETIMEDOUT,
    [NNG_ECONNREFUSED] = -ECONNREFUSED,
    [NNG_ECLOSED] = -ECANCELED, /* the socket goes away: what is submitted ends so */
    [NNG_EAGAIN] = -EAGAIN,
    [NNG_ENOTSUP] = -ENOTSUP,
    [NNG_EADDRINUSE] = -EADDRINUSE,
    [NNG_ESTATE] = -EBUSY,
    [NNG_ENOENT] = -ENOENT,
    [NNG_EPROTO] = -EPROTO,
    [NNG_EUNREACHABLE] = -EHOSTUNREACH,
    [NNG_EADDRINVAL] = -EADDRNOTAVAIL,
    [NNG_EPERM] = -EACCES,
    [NNG_EMSGSIZE] = -EMSGSIZE,
    [NNG_ECONNABORTED] = -ECONNABORTED,
    [NNG_ECONNRESET] = -ECONNRESET,
    [NNG_ECANCELED] = -ECANCELED,
    [NNG_ENOFILES] = -EMFILE,
    [NNG_ENOSPC] = -ENOSPC,
    [NNG_EEXIST] = -EEXIST,
    [NNG_EREADONLY] = -EROFS,
    [NNG_EWRITEONLY] = -EPERM,
    [NNG_ECRYPTO] = -EKEYREJECTED,
    [NNG_EPEERAUTH] = -EACCES,
    [NNG_ENOARG] = -EINVAL,
    [NNG_EAMBIGUOUS] = -EINVAL,
    [NNG_EBADTYPE] = -EINVAL,
    [NNG_ECONNSHUT] = -ECONNRESET,
};

int32_t sp_error(int code)
{
    if (code == 0)
        return 0;
    if (code & NNG_ESYSERR)
        return -(code & ~NNG_ESYSERR);
    if (code > 0 && (size_t)code < sizeof errors / sizeof errors[0] && errors[code] != 0)
        return errors[code];
    return -EIO;
}

static const char *sentence(int code, const char *in_use)
{
    switch (code) {
    case NNG_EADDRINUSE:
        return in_use;
    case NNG_EPERM:
        return "permission denied";
    case NNG_EADDRINVAL:
        return "this address cannot be used here: no such name, not an address of this host, or malformed";
    case NNG_ENOTSUP:
        return "this nng has no such transport";
    default:
        return nng_strerror(code);
    }
}

int32_t sp_explain(char *explain, size_t size, const char *url, int code, const char *in_use)
{
    if (explain && size)
        snprintf(explain, size, "%.*s: %s", (int)strcspn(url, "?"), url, sentence(code, in_use)); /* no tokens */
    return sp_error(code);
}
