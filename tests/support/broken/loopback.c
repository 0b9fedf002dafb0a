/* A transport with nothing wrong in it: what the conformance suite must not find fault with. */
#include "loopback.h"

LOOPBACK("loopback")
