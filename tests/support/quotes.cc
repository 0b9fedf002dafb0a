// A producer and a consumer of structs in C++, for the test that they travel byte for byte.
//
//     quotes produce CHANNEL COUNT     publishes COUNT quotes
//     quotes consume CHANNEL COUNT     prints COUNT quotes as they came; "ready" when it listens
#include <leat/channel.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

struct Data {
    int id;
    int64_t volume;
    double amount;
    int prices[20];
};

static Data quote(int number)
{
    Data made{};
    made.id = number;
    made.volume = number * INT64_C(100);
    made.amount = number * 111.1;
    for (int i = 0; i < 20; i++)
        made.prices[i] = number * 1000 + i;
    return made;
}

static int produce(const char *channel, int count)
{
    leat_writer *writer = nullptr;
    int error = leat_writer_open(&writer, channel, nullptr);
    for (int number = 0; number < count && !error; number++) {
        const Data made = quote(number);
        error = leat_publish(writer, &made, sizeof made, 0, LEAT_FOREVER);
    }
    leat_writer_close(writer);
    return error;
}

static int consume(const char *channel, int count)
{
    leat_reader *reader = nullptr;
    int error = leat_reader_open(&reader, channel, nullptr, nullptr);
    if (!error) {
        std::puts("ready");
        std::fflush(stdout);
    }
    for (int number = 0; number < count && !error; number++) {
        Data got{};
        leat_message message;
        error = leat_read(reader, &got, sizeof got, &message, LEAT_FOREVER);
        const Data expected = quote(got.id);
        bool same = message.len == sizeof got && std::memcmp(&got, &expected, sizeof got) == 0;
        std::printf("%d %s\n", got.id, same ? "as it was" : "changed");
    }
    leat_reader_close(reader);
    return error;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 64;
    const int count = std::atoi(argv[3]);
    const int error = std::strcmp(argv[1], "produce") == 0 ? produce(argv[2], count) : consume(argv[2], count);
    if (error)
        std::fprintf(stderr, "quotes: %s\n", leat_error_text());
    return error ? 1 : 0;
}
