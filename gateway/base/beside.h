/* What belongs to this program, found from its own folder: a build tree and an installed one may be moved. */
#ifndef LEAT_BASE_BESIDE_H
#define LEAT_BASE_BESIDE_H

/* The folder or file `relative` to the one that this program's file is in, such as "../lib/leat/plugins"; whole, to be freed. NULL: it is not
 * there. */
char *beside_program(const char *relative);

#endif
