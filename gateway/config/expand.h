/* ${env:NAME}, ${env:NAME:-default}, ${file:PATH} and $$ in a value. No shell, no recursion: what is put in stays as it is. */
#ifndef LEAT_CONFIG_EXPAND_H
#define LEAT_CONFIG_EXPAND_H

#include <stdbool.h>

/* Expands `text`; a relative ${file:} is looked for in `folder`. Returns the result (to be freed) and sets *secret where a file
 * was put in; or NULL with a sentence in *problem (to be freed). */
char *expand(const char *text, const char *folder, bool *secret, char **problem);

/* `text` for a file in another folder: what stands in it is the same, but that relative ${file:} are absolute. To be freed. */
char *expand_rebase(const char *text, const char *folder);

/* Whether it is nothing but references, without a default: the words that are put in stand elsewhere. */
bool expand_is_reference(const char *text);

/* A text that expands to `value`; to be freed. */
char *expand_escape(const char *value);

/* `path` made absolute by `folder` (itself relative to the working directory where it is); to be freed. */
char *expand_path(const char *path, const char *folder);

/* The folder a file lies in; to be freed. */
char *expand_folder(const char *file);

#endif
