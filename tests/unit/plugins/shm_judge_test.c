/* What `leat doctor` says of a channel, by what the channel says of itself. */
#include "shm/examine.h"

#include <criterion/criterion.h>
#include <string.h>

#define DAY UINT64_C(86400000000000)

static struct leat_finding heard;
static unsigned count;

static void hear(void *context, const struct leat_finding *finding)
{
    (void)context;
    heard = *finding;
    count++;
}

static const struct leat_examination examination = {.size = sizeof examination, .found = hear};
static struct leat_reader_info reader = {.size = sizeof reader, .name = "books", .durable = 1, .pid = 7};
static struct shm_case channel = {
    .name = "quotes",
    .info = {.policy = LEAT_BLOCK, .mode = 0600, .capacity_bytes = 4096, .created_ns = DAY, .published_ns = 10 * DAY},
    .readers = &reader,
    .now_ns = 10 * DAY + 1};

static void setup(void)
{
    count = 0;
    heard.code = "";
}

TestSuite(shm_judge, .init = setup);

Test(shm_judge, a_channel_that_nobody_uses_is_stale_after_a_day)
{
    cr_expect(shm_judge(&channel, &examination));
    channel.now_ns = 11 * DAY + 1;
    cr_expect_not(shm_judge(&channel, &examination));
    channel.info.writers_alive = 1;
    cr_expect(shm_judge(&channel, &examination), "it has a writer");
    channel.info.writers_alive = 0;
    channel.info.readers = 1;
    cr_expect(shm_judge(&channel, &examination), "a reader's place is kept in it");
    cr_expect_eq(count, 0);
}

Test(shm_judge, a_channel_without_a_message_is_as_old_as_itself)
{
    channel.info.published_ns = 0;
    channel.now_ns = DAY + DAY / 2;
    cr_expect(shm_judge(&channel, &examination));
    channel.now_ns = 3 * DAY;
    cr_expect_not(shm_judge(&channel, &examination));
}

Test(shm_judge, a_dead_reader_is_an_error_once_producers_wait_for_it)
{
    channel.reader_count = channel.info.readers = 1;
    reader.lag_bytes = 1024;
    reader.lag_messages = 9;
    shm_judge(&channel, &examination);
    cr_expect_str_eq(heard.code, "dead-reader");
    cr_expect_eq(heard.grade, LEAT_FINDING_NOTE);
    reader.lag_bytes = 3072;
    shm_judge(&channel, &examination);
    cr_expect_eq(heard.grade, LEAT_FINDING_ERROR);
    channel.info.policy = LEAT_OVERWRITE;
    setup();
    shm_judge(&channel, &examination);
    cr_expect_eq(count, 0, "it holds nobody back");
}

Test(shm_judge, a_live_reader_that_does_not_read_is_named)
{
    channel.reader_count = channel.info.readers = 1;
    reader.alive = 1;
    reader.lag_bytes = 4096;
    shm_judge(&channel, &examination);
    cr_expect_str_eq(heard.code, "slow-reader");
    cr_expect_eq(heard.grade, LEAT_FINDING_WARNING);
}

Test(shm_judge, a_channel_that_everybody_may_write_to_is_a_warning)
{
    channel.info.mode = 0666;
    shm_judge(&channel, &examination);
    cr_expect_str_eq(heard.code, "world-writable");
}
