/* An INI file read by iniparser, with the lines that iniparser does not keep: scanned for places and mistakes, loaded for the
 * values, and the two views compared. A difference is an internal error and refuses the file. */
#ifndef LEAT_CONFIG_INI_LOAD_H
#define LEAT_CONFIG_INI_LOAD_H

#include "config/ini.h"

/* Fills a zeroed *ini from a file. What is wrong is added to `problems`. Returns 0, or -errno when it cannot be read (which is
 * a problem too). */
int ini_load(struct ini *ini, const char *file, struct problems *problems);

/* The same for bytes in memory; `file` is their name in messages. */
void ini_load_bytes(struct ini *ini, const char *bytes, size_t len, const char *file, struct problems *problems);

/* Reads a whole file of at most `max` bytes into *bytes (NUL added, to be freed). The length, or -errno; -EFBIG, -EISDIR. */
long file_read(const char *file, size_t max, char **bytes);

#endif
