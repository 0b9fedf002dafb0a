#include "folder.hpp"

#include <leat/leat.hpp>

#include <criterion/criterion.h>

#include <array>
#include <stdexcept>
#include <string_view>

using namespace std::chrono_literals;

struct Quote {
    int id;
    double price;
};

Test(cpp, a_struct_arrives_as_it_was)
{
    folder shm;
    leat::writer writer("quotes");
    leat::reader reader("quotes");
    cr_assert(writer.publish(Quote{7, 12.5}, 99));
    const auto loan = reader.borrow(0ns);
    cr_assert(loan.has_value());
    const Quote quote = loan->data().as<Quote>();
    cr_expect(quote.id == 7 && quote.price == 12.5 && loan->info().tag == 99);
}

Test(cpp, a_range_travels_as_its_elements_and_a_view_never_as_its_pointer)
{
    folder shm;
    leat::writer writer("quotes");
    leat::reader reader("quotes");
    const std::string text = "elements";
    writer.publish(text);
    writer.publish(std::string_view(text));
    writer.publish(std::vector<char>(text.begin(), text.end()));
    writer.publish(leat::bytes(text));
    writer.publish("elements");
    for (int i = 0; i < 5; i++)
        cr_expect(reader.borrow(0ns)->data().text() == text, "%d", i);
    using pair = std::array<int, 2>;
    writer.publish(pair{7, 8}, 9);
    cr_expect((reader.read_as<pair>(0ns) == pair{7, 8}));
}

template <typename... Arguments>
using published = decltype(std::declval<leat::writer &>().publish(std::declval<Arguments>()...));
template <typename, typename... Arguments> constexpr bool can_publish = false;
template <typename... Arguments> constexpr bool can_publish<std::void_t<published<Arguments...>>, Arguments...> = true;

static_assert(can_publish<void, const char *> && can_publish<void, std::string, int>);
static_assert(!can_publish<void, const char *, int>, "a length or a tag?");
static_assert(!can_publish<void, char *, std::size_t, std::chrono::nanoseconds>, "a length or a tag?");
static_assert(!can_publish<void, int *>, "a pointer means nothing in another process");

Test(cpp, nothing_to_read_is_no_error)
{
    folder shm;
    leat::writer writer("quotes");
    leat::reader reader("quotes");
    std::vector<std::byte> buffer;
    leat_message message;
    cr_expect(!reader.borrow(0ns));
    cr_expect(!reader.read_as<Quote>(1ms));
    cr_expect(!reader.read(buffer, message, 0ns));
}

Test(cpp, a_claim_that_is_not_committed_is_given_back)
{
    folder shm;
    leat::writer writer("quotes");
    leat::reader reader("quotes");
    {
        const auto claim = writer.claim(100);
        cr_assert(claim.has_value() && claim->size() == 100);
    }
    auto claim = writer.claim(100);
    std::memcpy(claim->data(), "abc", 3);
    claim->commit_first(3, 5);
    const auto loan = reader.borrow(0ns);
    cr_assert(loan.has_value());
    cr_expect(loan->data().text() == "abc" && loan->info().tag == 5);
}

Test(cpp, a_claim_and_a_loan_end_once)
{
    folder shm;
    leat::writer writer("quotes");
    leat::reader reader("quotes");
    auto claim = writer.claim(1);
    claim->commit();
    cr_expect_throw(claim->commit(), leat::error);
    auto loan = reader.borrow(0ns);
    cr_expect(loan->release());
    cr_expect_throw((void)loan->release(), leat::error);
}

Test(cpp, a_loan_ends_with_its_scope)
{
    folder shm;
    leat::writer writer("quotes");
    leat::reader reader("quotes");
    for (int i = 0; i < 3; i++)
        writer.publish(i);
    for (int i = 0; i < 3; i++)
        cr_expect(reader.borrow(0ns)->data().as<int>() == i);
}

Test(cpp, an_overtaken_loan_says_so)
{
    folder shm;
    leat::channel_options options;
    options.capacity_bytes = LEAT_CAPACITY_MIN;
    leat::writer writer("quotes", options);
    leat::reader reader("quotes");
    writer.publish(std::string(1000, 'x'));
    auto loan = reader.borrow(0ns);
    for (int i = 0; i < 200; i++)
        writer.publish(std::string(1000, 'y'));
    cr_expect(!loan->release());
}

Test(cpp, a_buffer_grows_for_a_large_message)
{
    folder shm;
    leat::writer writer("quotes");
    leat::reader reader("quotes");
    std::vector<std::byte> buffer;
    leat_message message;
    writer.publish(std::string(100000, 'x'));
    writer.publish(std::string("y"));
    cr_assert(reader.read(buffer, message, 0ns));
    cr_expect(buffer.size() == 100000 && message.data == buffer.data());
    cr_assert(reader.read(buffer, message, 0ns));
    cr_expect(buffer.size() == 1 && buffer[0] == std::byte{'y'});
    writer.publish(leat::bytes());
    cr_expect(reader.read(buffer, message, 0ns) && buffer.empty());
}

Test(cpp, a_message_of_another_size_is_an_error_and_left_behind)
{
    folder shm;
    leat::writer writer("quotes");
    leat::reader reader("quotes");
    for (std::size_t size : {sizeof(Quote) - 1, sizeof(Quote) + 1})
        writer.publish(std::string(size, 'x'));
    writer.publish(Quote{8, 1});
    for (int i = 0; i < 2; i++)
        cr_expect_throw(reader.read_as<Quote>(0ns), leat::error);
    cr_expect(reader.read_as<Quote>(0ns)->id == 8);
}

Test(cpp, a_failed_open_says_what_is_wrong)
{
    folder shm;
    try {
        leat::reader reader("nowhere");
        cr_assert_fail("it opened what is not there");
    } catch (const leat::error &error) {
        cr_expect(error.code().value() == ENOENT, "%d", error.code().value());
        cr_expect(std::string(error.what()).find("nowhere") != std::string::npos, "%s", error.what());
    }
}

Test(cpp, a_removed_channel_is_an_error_of_its_own)
{
    folder shm;
    leat::writer writer("quotes");
    leat::reader reader("quotes");
    leat::remove("quotes", true);
    cr_expect_throw(reader.borrow(0ns), leat::closed);
}

Test(cpp, a_full_block_channel_is_no_error)
{
    folder shm;
    leat::channel_options options(leat::policy::block);
    options.capacity_bytes = LEAT_CAPACITY_MIN;
    leat::writer writer("quotes", options);
    leat::reader reader("quotes", options);
    int sent = 0;
    while (writer.publish(std::string(1000, 'x'), 0, 0ns))
        sent++;
    cr_expect(sent > 0 && sent < 100, "%d", sent);
}

Test(cpp, a_burst_is_published_whole)
{
    folder shm;
    leat::writer writer("quotes");
    leat::reader reader("quotes");
    const int numbers[] = {1, 2, 3};
    std::vector<leat_outgoing_bytes> burst;
    for (const int &number : numbers)
        burst.push_back({&number, sizeof number, 0});
    cr_assert(writer.publish(burst) == 3);
    for (int number : numbers)
        cr_expect(reader.read_as<int>(0ns) == number);
}

Test(cpp, objects_move)
{
    folder shm;
    std::vector<leat::writer> writers;
    writers.emplace_back("a");
    writers.emplace_back("b");
    leat::reader reader = leat::reader("b");
    writers[1].publish(5);
    cr_expect(reader.read_as<int>(0ns) == 5);
}

Test(cpp, an_exception_in_a_callback_waits_until_the_library_has_returned)
{
    folder shm;
    leat::writer a("a"), b("b");
    int seen = 0;
    const auto stop = [&seen](const std::string &) {
        seen++;
        throw std::runtime_error("enough");
    };
    cr_expect_throw(leat::for_each_channel(stop), std::runtime_error);
    cr_expect(seen == 1);
    cr_expect(leat::channels() == std::vector<std::string>({"a", "b"}));
    cr_expect(leat::inspect("a").writers_alive == 1);
}
