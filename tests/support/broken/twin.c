/* A transport that claims a scheme which `net` serves. */
#include "transport.h"

TRANSPORT("twin", "twin|net4", "test/1")
