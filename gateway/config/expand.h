/* ${env:NAME}, ${env:NAME:-default}, ${file:PATH} and $$ in a value. No shell, no recursion: what is put in stays as it is. */
#ifndef LEAT_CONFIG_EXPAND_H
#define LEAT_CONFIG_EXPAND_H

#include <stdbool.h>

/* Expands `text`; a relative ${file:} is looked for in `folder`. Returns the result (to be freed) and sets *secret where a file
 * was put in; or NULL with a sentence in *problem (to be freed). */
char *expand(const char *text, const char *folder, bool *secret, char **problem);

/* `path` made absolute by `folder` (itself relative to the working directory where it is); to be freed. */
char *expand_path(const char *path, const char *folder);

/* The folder a file lies in; to be freed. */
char *expand_folder(const char *file);

#endif
