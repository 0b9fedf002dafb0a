// A producer and a consumer of structs, as any C++ program may be one: what is published arrives byte for byte, here on the
// host, at the other end of a bridge, or in Python.
//
//     quotes produce CHANNEL COUNT     publishes COUNT quotes
//     quotes consume CHANNEL COUNT     prints COUNT quotes as they came; "ready" when it listens
//
// Build: g++ -std=c++17 quotes.cc $(pkg-config --cflags --libs leat)
#include <leat/leat.hpp>

#include <cstdlib>
#include <cstring>
#include <iostream>

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

static void produce(const char *channel, int count)
{
    leat::writer quotes(channel);
    for (int number = 0; number < count; number++)
        quotes.publish(quote(number));
}

static void consume(const char *channel, int count)
{
    leat::reader quotes(channel);
    std::cout << "ready" << std::endl;
    for (int number = 0; number < count; number++) {
        const auto seen = quotes.read_as<Data>();
        const Data expected = quote(seen->id);
        std::cout << seen->id << (std::memcmp(&*seen, &expected, sizeof expected) == 0 ? " as it was\n" : " changed\n");
    }
}

int main(int argc, char **argv)
try {
    const std::string what = argc == 4 ? argv[1] : "";
    if (what != "produce" && what != "consume") {
        std::cerr << "usage: quotes produce|consume CHANNEL COUNT\n";
        return 64;
    }
    (what == "produce" ? produce : consume)(argv[2], std::atoi(argv[3]));
    return 0;
} catch (const leat::error &error) {
    std::cerr << "quotes: " << error.what() << '\n';
    return 1;
}
