// A peer on the unmodified library cpp-ipc: the same orders and the same series of messages as the model's peer.
//
//     c++ -std=c++17 -O2 -I LIBRARY/include -I ../../model/cppipc peer.cc libipc.a -lpthread -lrt -o peer
#include "orders.h"

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <libipc/ipc.h>

namespace {

template <typename Chan> std::unique_ptr<Chan> connect(const orders &given, unsigned mode)
{
    auto made = std::make_unique<Chan>();
    bool connected =
        given.prefix ? made->connect(ipc::prefix{given.prefix}, given.name, mode) : made->connect(given.name, mode);
    if (!connected)
        return nullptr;
    return made;
}

template <typename Chan> int receive(const orders &given)
{
    auto chan = connect<Chan>(given, ipc::receiver);
    if (!chan)
        return 1;
    orders_say("ready");
    series_account account{};
    std::deque<ipc::buff_t> held;
    double first = 0, last = orders_now();
    while (!orders_end && (!given.count || account.received < given.count)) {
        ipc::buff_t buffer = chan->recv(50);
        double now = orders_now();
        if (buffer.empty()) {
            if (given.idle_ms && (now - last) * 1000 > static_cast<double>(given.idle_ms))
                break;
            continue;
        }
        first = first == 0 ? now : first;
        last = now;
        series_see(&account, &given.series, buffer.data(), buffer.size());
        if (given.hold) {
            held.push_back(std::move(buffer));
            if (held.size() > given.hold)
                held.pop_front();
        }
        orders_progress(&given, account.received);
        orders_nap(given.interval_us);
    }
    orders_report_received(&account, last - (first == 0 ? last : first));
    return 0;
}

template <typename Chan> int send(const orders &given)
{
    auto chan = connect<Chan>(given, ipc::sender);
    if (!chan)
        return 1;
    orders_say("ready");
    while (!orders_end && chan->recv_count() < given.receivers)
        chan->wait_for_recv(given.receivers, 50);
    std::vector<unsigned char> data(series_largest(&given.series));
    uint64_t failed = 0, number = given.first;
    const double began = orders_now();
    double longest = 0, before = began;
    for (; !orders_end && (!given.count || number < given.first + given.count); number++) {
        series_fill(&given.series, static_cast<unsigned>(given.sender), number, data.data());
        const size_t size = series_size(&given.series, number);
        const auto limit = given.limit_ms;
        before = orders_now();
        bool done = given.tries ? chan->try_send(data.data(), size, limit) : chan->send(data.data(), size, limit);
        failed += done ? 0 : 1;
        longest = std::max(longest, orders_now() - before);
        orders_progress(&given, number + 1 - given.first);
        orders_nap(given.interval_us);
    }
    orders_report_sent(number - given.first - failed, failed, longest, began);
    while (given.stay && !orders_end)
        orders_nap(10'000);
    return 0;
}

template <typename Chan> int run(const orders &given)
{
    return std::string(given.role) == "send" ? send<Chan>(given) : receive<Chan>(given);
}

} // namespace

int main(int argc, char **argv)
{
    static orders given;
    if (!orders_read(&given, argc, argv)) {
        std::fprintf(stderr, "usage: peer send|recv NAME [--kind route|channel] ...; see orders.h\n");
        return 2;
    }
    return orders_is_channel(&given) ? run<ipc::channel>(given) : run<ipc::route>(given);
}
