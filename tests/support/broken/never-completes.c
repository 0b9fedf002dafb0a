/* Closing it forgets what was submitted. */
#define CANCELS 0
#include "loopback.h"

LOOPBACK("never-completes")
