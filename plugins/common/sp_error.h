/* nng's codes in errno's words: the one place where they are translated. */
#ifndef LEAT_SP_ERROR_H
#define LEAT_SP_ERROR_H

#include <stddef.h>
#include <stdint.h>

/* 0 for 0, otherwise a negative errno. */
int32_t sp_error(int code);

/* What kept an endpoint from starting: "URL: SENTENCE". `in_use` says what it means for this transport that its address is
 * taken. Returns the translated code. */
int32_t sp_explain(char *explain, size_t size, const char *url, int code, const char *in_use);

#endif
