/* A transport of another engine. */
#include "transport.h"

TRANSPORT("alien", "alien", "other/1")
