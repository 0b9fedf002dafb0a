/* The request headers of a WebSocket dialler: a configured list as the text that nng takes. */
#ifndef LEAT_SP_WS_HEADERS_H
#define LEAT_SP_WS_HEADERS_H

#include <stddef.h>

/* 0, or -EINVAL with a sentence in `why` that quotes names but no values: they may be secrets. */
int sp_ws_headers_check(const char *const *items, char *why, size_t why_size);

/* Lines of "NAME: VALUE", each with CR LF; to be freed. `items` have passed the check. NULL: no memory. */
char *sp_ws_headers_text(const char *const *items);

#endif
