/* Payload copies between an application and the ring: the one place that touches bytes which may change meanwhile.
 *
 * Under overwrite policy a reader may copy what a writer is overwriting. That is a race by design (the frontier tells
 * afterwards whether it happened), so the routine lives in its own file, where no optimiser joins it with the code that
 * validates, and where ThreadSanitizer does not look. */
#ifndef LEAT_COPY_H
#define LEAT_COPY_H

#include <stddef.h>

void copy_bytes(void *to, const void *from, size_t len);

#endif
