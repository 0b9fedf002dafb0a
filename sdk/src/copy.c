#include "copy.h"
#include "test_point.h"

#include <stdint.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__)
#define COPY_UNSEEN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COPY_UNSEEN 1
#endif
#endif

#ifdef COPY_UNSEEN
/* memcpy is intercepted by ThreadSanitizer whatever the attribute says, hence a loop. */
__attribute__((no_sanitize("thread"), noinline)) void copy_bytes(void *to, const void *from, size_t len)
{
    volatile unsigned char *out = to;
    const volatile unsigned char *in = from;
    for (size_t i = 0; i < len; i++)
        out[i] = in[i];
}
#else
void copy_bytes(void *to, const void *from, size_t len)
{
    if (len == 0)
        return; /* from may be NULL then */
#ifdef LEAT_TEST_POINTS
    size_t half = len / 2;
    memcpy(to, from, half);
    TEST_POINT("copy:half");
    to = (char *)to + half, from = (const char *)from + half, len -= half;
#endif
    memcpy(to, from, len);
}
#endif
