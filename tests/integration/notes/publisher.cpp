// Publishes a struct as it lies in memory.
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/supplemental/util/platform.h>

#include <cstdio>

struct Data {
    int id;
    int64_t volume;
    double amount;
    int prices[20];
};

void publish(char const* url) {
    nng_socket pub_sock{};
    nng_pub0_open(&pub_sock);
    nng_listen(pub_sock, url, NULL, 0);

    Data quote{};

    size_t i = 0;
    while (true) {
        quote.id = i;
        quote.volume = i * 100;
        quote.amount = i * 111.1;
        for (size_t j = 0; j < 10; ++j) {
            quote.prices[j] = i * 100.2 + j;
        }

        nng_send(pub_sock, &quote, sizeof(Data), 0);

        printf("send quote.id=%d\n", quote.id);
        nng_msleep(500);
        ++i;
    }
}

int main() {
    publish("ipc:///tmp/pubsub.ipc");
}
