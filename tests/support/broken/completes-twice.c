/* A send completes twice, now and then. */
#define AFTER_SENT(socket, slot)                                          \
    do {                                                                  \
        if ((slot) == 7)                                                  \
            (socket)->request.sent((socket)->request.context, (slot), 0); \
    } while (0)
#include "loopback.h"

LOOPBACK("completes-twice")
