/* What a shared object says of itself, read from its bytes: nothing of it runs. */
#ifndef SDK_TESTKIT_ELF_H
#define SDK_TESTKIT_ELF_H

#include <stdbool.h>
#include <stddef.h>

struct elf_symbol {
    const char *name;
    bool defined; /* here, so exported; else wanted from elsewhere */
    bool weak;
};

/* Calls `each` for every global dynamic symbol until it returns false. False with a sentence when the file is no shared object of this
 * machine's kind. */
bool elf_symbols(const char *file, bool (*each)(const struct elf_symbol *symbol, void *user), void *user, char *explain,
                 size_t size);

#endif
