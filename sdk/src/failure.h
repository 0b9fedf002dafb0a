/* The sentence behind a failed open, create, remove or inspect call: see leat_error_text. */
#ifndef LEAT_FAILURE_H
#define LEAT_FAILURE_H

/* Keeps the sentence for this thread and returns `error`, so that a caller writes: return failure(-EINVAL, "..."). */
__attribute__((format(printf, 2, 3))) int failure(int error, const char *format, ...);

/* The same, followed by ": " and what the operating system says about `error`. */
__attribute__((format(printf, 2, 3))) int failure_os(int error, const char *format, ...);

#endif
