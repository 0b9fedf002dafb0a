/* The files of a cpp-ipc channel, as the unmodified library names them. */
#include "cppipc/names.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct cppipc_where where = {"/dev/shm", "P", "quotes"};

static void expect(enum cppipc_object object, enum cppipc_layout layout, const char *expected)
{
    char file[CPPIPC_FILE_MAX];
    cppipc_file(file, &where, object, layout);
    cr_assert(strcmp(file, expected) == 0, "%s instead of %s", file, expected);
}

Test(cppipc_names, every_object_has_the_name_that_the_library_gives_it)
{
    expect(CPPIPC_CC_CONDITION, CPPIPC_LAYOUT_1_4, "P__IPC_SHM__CC_CONN__quotes_WAITER_COND_");
    expect(CPPIPC_CC_MUTEX, CPPIPC_LAYOUT_1_4, "P__IPC_SHM__CC_CONN__quotes_WAITER_LOCK_");
    expect(CPPIPC_WT_CONDITION, CPPIPC_LAYOUT_1_3, "P__IPC_SHM__WT_CONN__quotes_WAITER_COND_");
    expect(CPPIPC_WT_MUTEX, CPPIPC_LAYOUT_1_4, "P__IPC_SHM__WT_CONN__quotes_WAITER_LOCK_");
    expect(CPPIPC_RD_CONDITION, CPPIPC_LAYOUT_1_4, "P__IPC_SHM__RD_CONN__quotes_WAITER_COND_");
    expect(CPPIPC_RD_MUTEX, CPPIPC_LAYOUT_1_4, "P__IPC_SHM__RD_CONN__quotes_WAITER_LOCK_");
    expect(CPPIPC_AC, CPPIPC_LAYOUT_1_4, "P__IPC_SHM__AC_CONN__quotes");
    expect(CPPIPC_CA, CPPIPC_LAYOUT_1_4, "P__IPC_SHM__CA_CONN__");
}

Test(cppipc_names, the_ring_alone_tells_the_releases_apart)
{
    expect(CPPIPC_RING, CPPIPC_LAYOUT_1_4, "P__IPC_SHM__QU_CONN__quotes__64__16");
    expect(CPPIPC_RING, CPPIPC_LAYOUT_1_3, "P__IPC_SHM__QU_CONN__64__16__quotes");
}

Test(cppipc_names, a_pool_is_named_by_its_class)
{
    char file[CPPIPC_FILE_MAX];
    cppipc_pool_file(file, &where, 1049600);
    cr_assert(strcmp(file, "P__IPC_SHM__CHUNK_INFO__1049600") == 0, "%s", file);
}

Test(cppipc_names, a_name_has_1_to_222_bytes_and_no_slash)
{
    char longest[CPPIPC_NAME_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[CPPIPC_NAME_MAX] = '\0';
    cr_assert(cppipc_is_name("", longest) && !cppipc_is_name("p", longest) && cppipc_is_name("p", longest + 1));
    cr_assert(cppipc_is_name("", "q") && !cppipc_is_name("", "") && !cppipc_is_name("p", ""));
    cr_assert(!cppipc_is_name("", "a/b") && !cppipc_is_name("a/b", "c") && !cppipc_is_name("", "../x"));
    cr_assert(!cppipc_is_name(NULL, "a") && !cppipc_is_name("", NULL));
}

Test(cppipc_names, the_longest_name_fits_in_a_file_name)
{
    char longest[CPPIPC_NAME_MAX + 1], file[CPPIPC_FILE_MAX];
    memset(longest, 'x', sizeof longest);
    longest[CPPIPC_NAME_MAX] = '\0';
    const struct cppipc_where at = {"/dev/shm", "", longest};
    cppipc_file(file, &at, CPPIPC_RD_MUTEX, CPPIPC_LAYOUT_1_4);
    cr_assert(strlen(file) == 255 && strcmp(file + 255 - strlen("x_WAITER_LOCK_"), "x_WAITER_LOCK_") == 0, "%s", file);
}

static bool is_ring(const char *file, const char *prefix, const char *expected, enum cppipc_layout expected_layout)
{
    char name[CPPIPC_FILE_MAX];
    enum cppipc_layout layout;
    return cppipc_ring_of(file, prefix, name, &layout) && strcmp(name, expected) == 0 && layout == expected_layout;
}

Test(cppipc_names, the_file_of_a_ring_says_whose_it_is)
{
    cr_assert(is_ring("P__IPC_SHM__QU_CONN__quotes__64__16", "P", "quotes", CPPIPC_LAYOUT_1_4));
    cr_assert(is_ring("P__IPC_SHM__QU_CONN__64__16__quotes", "P", "quotes", CPPIPC_LAYOUT_1_3));
    cr_assert(is_ring("__IPC_SHM__QU_CONN__a__64__16", "", "a", CPPIPC_LAYOUT_1_4));
    cr_assert(is_ring("__IPC_SHM__QU_CONN__64__16__64__16", "", "64__16", CPPIPC_LAYOUT_1_4));
}

Test(cppipc_names, what_is_no_ring_of_the_prefix_is_none)
{
    const char *others[] = {"P__IPC_SHM__QU_CONN__quotes__64__16",
                            "__IPC_SHM__AC_CONN__quotes",
                            "__IPC_SHM__QU_CONN__quotes__128__16",
                            "__IPC_SHM__QU_CONN____64__16",
                            "__IPC_SHM__QU_CONN__64__16__",
                            "__IPC_SHM__QU_CONN__64__16",
                            "__IPC_SHM__QU_CONN__",
                            "",
                            "leat.quotes",
                            "__IPC_SHM__CHUNK_INFO__1024"};
    char name[CPPIPC_FILE_MAX];
    enum cppipc_layout layout;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_assert(!cppipc_ring_of(others[i], "", name, &layout), "%s: %s", others[i], name);
}
