// Requests and answers: one program asks, any number of others on this host, or behind a bridge, may answer.
//
//     orders answer CHANNEL COUNT      answers COUNT orders; "ready" when it listens
//     orders ask CHANNEL COUNT         places COUNT orders and prints what comes back
//     orders survey CHANNEL            asks everybody who answers, for a second
//
// Build: g++ -std=c++17 orders.cc $(pkg-config --cflags --libs leat)
#include <leat/leat.hpp>

#include <cstdlib>
#include <iostream>

using namespace std::chrono_literals;

static void answer(const std::string &channel, int count)
{
    leat::replier orders(channel, channel + ".replies");
    leat::letter order;
    std::cout << "ready" << std::endl;
    while (count-- > 0 && orders.next(order)) {
        const std::string text = "confirmed: " + order.data().text();
        orders.reply(order.info.tag, text);
    }
}

static int ask(const std::string &channel, int count)
{
    leat::requester orders(channel, channel + ".replies");
    int unanswered = 0;
    for (int number = 0; number < count; number++) {
        const std::string text = "order " + std::to_string(number);
        const auto reply = orders.request(text, 5s);
        unanswered += !reply;
        std::cout << (reply ? reply->data().text() : text + ": nobody answered") << '\n';
    }
    return unanswered ? 1 : 0;
}

static int survey(const std::string &channel)
{
    leat::requester orders(channel, channel + ".replies");
    const std::string text = "who is there?";
    const auto answers =
        orders.survey(text, 1s, [](const leat::letter &letter) { std::cout << letter.data().text() << '\n'; });
    return answers && *answers > 0 ? 0 : 1;
}

int main(int argc, char **argv)
try {
    const std::string what = argc > 2 ? argv[1] : "";
    if (what == "survey")
        return survey(argv[2]);
    if (argc != 4 || (what != "answer" && what != "ask")) {
        std::cerr << "usage: orders answer|ask CHANNEL COUNT, or orders survey CHANNEL\n";
        return 64;
    }
    if (what == "ask")
        return ask(argv[2], std::atoi(argv[3]));
    answer(argv[2], std::atoi(argv[3]));
    return 0;
} catch (const leat::error &error) {
    std::cerr << "orders: " << error.what() << '\n';
    return 1;
}
