/* Memory that runs out: what the plugin itself allocates (and libleat, where it uses it) fails when a test says so. Engines and the C
 * library are spared: what they make of it is not the plugin's to mend. */
#ifndef SDK_TESTKIT_ALLOCATION_H
#define SDK_TESTKIT_ALLOCATION_H

#include <stdbool.h>
#include <stdint.h>

/* Gets between the loaded plugin and malloc, calloc, realloc, strdup and their kin. False when it calls none of them. */
bool allocation_watch(void);

/* The `number`th allocation from now on fails, and no other; 0: none does. */
void allocation_fail_at(uint64_t number);
/* One in `number` fails until allocation_fail_at(0). */
void allocation_fail_every(uint64_t number);

/* How many have failed since one of these calls. */
uint64_t allocation_failed(void);

#endif
