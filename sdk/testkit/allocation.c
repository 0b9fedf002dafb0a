/* A shared object calls what others provide through slots that the dynamic linker fills. Those of the plugin are filled anew. */
#include "allocation.h"

#include "test.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__aarch64__)
#define SLOT_OF_CALL R_AARCH64_JUMP_SLOT
#define SLOT_OF_DATA R_AARCH64_GLOB_DAT
#else
#define SLOT_OF_CALL R_X86_64_JUMP_SLOT
#define SLOT_OF_DATA R_X86_64_GLOB_DAT
#endif

/* ---- what fails ------------------------------------------------------------------------------------------------------ */

static _Atomic uint64_t counted, fails_at, fails_every, failed;

void allocation_fail_at(uint64_t number)
{
    atomic_store(&fails_every, 0);
    atomic_store(&fails_at, number);
    atomic_store(&counted, 0);
    atomic_store(&failed, 0);
}

void allocation_fail_every(uint64_t number)
{
    allocation_fail_at(0);
    atomic_store(&fails_every, number);
}

uint64_t allocation_failed(void)
{
    return atomic_load(&failed);
}

static bool fails(void)
{
    uint64_t number = atomic_fetch_add(&counted, 1) + 1, every = atomic_load(&fails_every);
    bool this_one = every ? number % every == 0 : number == atomic_load(&fails_at);
    if (this_one) {
        atomic_fetch_add(&failed, 1);
        errno = ENOMEM;
    }
    return this_one;
}

static void *my_malloc(size_t size)
{
    return fails() ? NULL : malloc(size);
}

static void *my_calloc(size_t count, size_t size)
{
    return fails() ? NULL : calloc(count, size);
}

static void *my_realloc(void *old, size_t size)
{
    return fails() ? NULL : realloc(old, size);
}

static void *my_reallocarray(void *old, size_t count, size_t size)
{
    return fails() ? NULL : reallocarray(old, count, size);
}

static void *my_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : aligned_alloc(alignment, size);
}

static int my_posix_memalign(void **out, size_t alignment, size_t size)
{
    return fails() ? ENOMEM : posix_memalign(out, alignment, size);
}

static char *my_strdup(const char *text)
{
    return fails() ? NULL : strdup(text);
}

static char *my_strndup(const char *text, size_t len)
{
    return fails() ? NULL : strndup(text, len);
}

/* ---- getting between ------------------------------------------------------------------------------------------------- */

typedef void (*any_function)(void);

static any_function replacement(const char *name)
{
    static const struct {
        const char *name;
        any_function ours;
    } table[] = {{"malloc", (any_function)my_malloc},
                 {"calloc", (any_function)my_calloc},
                 {"realloc", (any_function)my_realloc},
                 {"reallocarray", (any_function)my_reallocarray},
                 {"aligned_alloc", (any_function)my_aligned_alloc},
                 {"posix_memalign", (any_function)my_posix_memalign},
                 {"strdup", (any_function)my_strdup},
                 {"strndup", (any_function)my_strndup}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].ours;
    return NULL;
}

static bool fill_slot(uintptr_t slot, any_function function)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = slot & ~(page - 1);
    if (mprotect((void *)start, page, PROT_READ | PROT_WRITE) != 0)
        return false;
    memcpy((void *)slot, &function, sizeof function);
    return true;
}

/* What of an object's dynamic section matters here. */
struct tables {
    const ElfW(Sym) * symbols;
    const char *strings;
    const ElfW(Rela) * calls, *data;
    size_t call_bytes, data_bytes;
};

static struct tables read_tables(const struct link_map *object)
{
    struct tables tables = {0};
    for (const ElfW(Dyn) *entry = object->l_ld; entry->d_tag != DT_NULL; entry++) {
        const void *address = (const void *)(uintptr_t)entry->d_un.d_ptr;
        switch (entry->d_tag) {
        case DT_SYMTAB:
            tables.symbols = address;
            break;
        case DT_STRTAB:
            tables.strings = address;
            break;
        case DT_JMPREL:
            tables.calls = address;
            break;
        case DT_RELA:
            tables.data = address;
            break;
        case DT_PLTRELSZ:
            tables.call_bytes = entry->d_un.d_val;
            break;
        case DT_RELASZ:
            tables.data_bytes = entry->d_un.d_val;
            break;
        default:
            break;
        }
    }
    return tables;
}

static size_t fill_slots(const struct link_map *object, const struct tables *tables, const ElfW(Rela) * rows,
                         size_t bytes)
{
    size_t filled = 0;
    for (size_t i = 0; rows && i < bytes / sizeof *rows; i++) {
        uint32_t type = (uint32_t)ELF64_R_TYPE(rows[i].r_info);
        if (type != SLOT_OF_CALL && type != SLOT_OF_DATA)
            continue;
        const ElfW(Sym) *symbol = &tables->symbols[ELF64_R_SYM(rows[i].r_info)];
        any_function ours = replacement(tables->strings + symbol->st_name);
        filled += ours && fill_slot(object->l_addr + rows[i].r_offset, ours);
    }
    return filled;
}

static size_t watch(const struct link_map *object)
{
    struct tables tables = read_tables(object);
    return fill_slots(object, &tables, tables.calls, tables.call_bytes) +
           fill_slots(object, &tables, tables.data, tables.data_bytes);
}

bool allocation_watch(void)
{
    struct link_map *object = NULL;
    if (dlinfo(test_subject.object, RTLD_DI_LINKMAP, &object) != 0)
        return false;
    size_t filled = watch(object);
    for (struct link_map *other = object->l_next; other; other = other->l_next)
        filled += strstr(other->l_name, "/libleat.so") ? watch(other) : 0;
    for (struct link_map *other = object->l_prev; other; other = other->l_prev)
        filled += strstr(other->l_name, "/libleat.so") ? watch(other) : 0;
    return filled > 0;
}
