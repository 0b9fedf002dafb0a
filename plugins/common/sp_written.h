/* Whether a connection has room at this moment: then nothing waits for it inside nng, which writes what it has at once. */
#ifndef LEAT_SP_WRITTEN_H
#define LEAT_SP_WRITTEN_H

#include <stdbool.h>

/* `address`: of the other end, as sp_address_of_pipe() writes it. True: this process has a TCP connection to it, and the kernel has
 * nothing more to send there. False also where it cannot be told: no TCP. Looks at every descriptor of the process. */
bool sp_written_all(const char *address);

#endif
