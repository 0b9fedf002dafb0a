/* Text of unknown origin (a peer's address, a file's name, another process's page) before a person or a JSON parser sees it. */
#ifndef LEAT_BASE_TEXT_H
#define LEAT_BASE_TEXT_H

#include <stddef.h>

/* Makes it harmless in place: control characters become spaces, bytes that are not UTF-8 become '?'. It can forge no line, speak
 * to no terminal, and break no JSON. */
void text_make_plain(char *text);

/* The same for a field of `size` bytes that may lack its NUL. */
void text_bound(char *field, size_t size);

#endif
