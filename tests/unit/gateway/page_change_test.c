#include "base/page_change.h"
#include "shm_folder.h"

#include <errno.h>
#include <stdio.h>

static struct page_map map;

static void open_page(void)
{
    static const char *const two[] = {"quotes", "orders"};
    shm_folder_open();
    cr_assert_eq(page_create(&map, NULL, "edge", two, 2), 0);
}

static void close_page(void)
{
    page_close(&map);
    shm_folder_close();
}

TestSuite(page_change, .init = open_page, .fini = close_page);

static void add_many(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct page_bridge *bridge;
        char name[32];
        snprintf(name, sizeof name, "late-%zu", i);
        cr_assert_eq(page_add_bridge(&map, name, &bridge), 0);
        atomic_store(&bridge->restarts, i);
    }
}

Test(page_change, a_page_grows_and_nothing_on_it_moves)
{
    struct page_bridge *quotes = page_find(&map, "quotes"), *late;
    atomic_store(&quotes->lanes[0].read, 7);
    add_many(200);
    cr_assert_eq(page_find(&map, "quotes"), quotes);
    cr_assert_eq(page_bridge_count(&map), 202);
    late = page_find(&map, "late-199");
    cr_assert_eq(atomic_load(&late->restarts), 199);
    cr_assert_eq(atomic_load(&quotes->lanes[0].read), 7);
}

Test(page_change, a_worker_that_was_there_before_sees_its_bridge_and_a_later_one_sees_both)
{
    struct page_map early, late;
    cr_assert_eq(page_attach(&early, page_reopen(&map)), 0);
    add_many(50);
    cr_assert_eq(page_attach(&late, page_reopen(&map)), 0);
    cr_assert_not_null(page_find(&early, "orders"));
    cr_assert_null(page_find(&early, "late-49"));
    cr_assert_not_null(page_find(&late, "late-49"));
    page_close(&early);
    page_close(&late);
}

Test(page_change, a_looker_sees_what_was_added_and_not_what_was_removed)
{
    struct page_map copy;
    add_many(20);
    page_remove_bridge(page_find(&map, "late-3"));
    cr_assert_eq(page_copy(&copy, NULL, "edge"), 0);
    cr_assert_not_null(page_find(&copy, "late-19"));
    cr_assert_null(page_find(&copy, "late-3"));
    page_close(&copy);
}

Test(page_change, a_free_place_is_taken_again_with_nothing_of_the_past_in_it)
{
    struct page_bridge *orders = page_find(&map, "orders"), *next;
    atomic_store(&orders->lanes[0].read, 9);
    page_remove_bridge(orders);
    cr_assert_eq(page_add_bridge(&map, "trades", &next), 0);
    cr_assert_eq(next, orders);
    cr_assert_eq(atomic_load(&next->lanes[0].read), 0);
    cr_assert_eq(page_bridge_count(&map), 2);
}

Test(page_change, a_name_is_there_once_and_has_its_limit)
{
    struct page_bridge *bridge;
    char name[PAGE_NAME_BYTES + 1];
    cr_assert_eq(page_add_bridge(&map, "quotes", &bridge), -EEXIST);
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    cr_assert_eq(page_add_bridge(&map, name, &bridge), -ENAMETOOLONG);
}

Test(page_change, more_bridges_than_a_page_takes_are_refused)
{
    struct page_bridge *bridge;
    add_many(PAGE_BRIDGES_MAX - 2);
    cr_assert_eq(page_add_bridge(&map, "one-more", &bridge), -E2BIG);
    cr_assert_eq(page_bridge_count(&map), PAGE_BRIDGES_MAX);
}
