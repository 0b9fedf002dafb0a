/* How leat says that something failed.
 *
 * Every call that can fail returns an int: 0 or a count on success, a negative errno on failure. What a caller is
 * expected to meet (no message yet, overwritten, full) is such a value too, named here so that code reads well. */
#ifndef LEAT_ERROR_H
#define LEAT_ERROR_H

#include <errno.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LEAT_API __attribute__((visibility("default")))
#else
#define LEAT_API
#endif

#define LEAT_EAGAIN (-EAGAIN)       /* nothing to read, or no room, and the caller did not want to wait */
#define LEAT_ETIMEDOUT (-ETIMEDOUT) /* the same, after waiting as long as the caller allowed */
#define LEAT_ELAPPED (-ESTALE)      /* what was borrowed has been overwritten meanwhile: throw it away */
#define LEAT_ECLOSED (-EPIPE)       /* the channel was removed: nothing will ever come or be taken again */
#define LEAT_ETOOBIG (-EMSGSIZE)    /* larger than the channel, or than the caller's buffer */
#define LEAT_ECORRUPT (-EBADMSG)    /* shared memory holds what no correct writer writes; it was skipped */
#define LEAT_EVERSION (-EPROTO)     /* the segment is of a layout that this library does not know */

/* A sentence for a code returned by any leat call: a constant, never NULL. Any thread. */
LEAT_API const char *leat_strerror(int error);

/* What exactly was wrong in this thread's last failed open, create, remove or inspect call, as one sentence with the
 * names and values in it ("channel 'quotes' has a capacity of 4 MiB, 8 MiB was asked for"). Never NULL; empty before the
 * first failure. Owned by the library, valid until the thread's next such call. */
LEAT_API const char *leat_error_text(void);

#ifdef __cplusplus
}
#endif
#endif
