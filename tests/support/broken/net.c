/* A transport with two schemes, the second not its name. */
#include "transport.h"

TRANSPORT("net", "net|net4", "test/1")
