// Takes over the memory that nng received the struct in.
#include <nng/nng.h>
#include <nng/protocol/pubsub0/sub.h>

#include <cstdio>

struct Data {
    int id;
    int64_t volume;
    double amount;
    int prices[20];
};

void subscribe_alloc(char const* url) {
    nng_socket sub_sock;
    nng_sub0_open(&sub_sock);
    nng_socket_set(sub_sock, NNG_OPT_SUB_SUBSCRIBE, "", 0);
    nng_dial(sub_sock, url, NULL, 0);

    Data* quote_ptr = nullptr;
    size_t sz;
    for (size_t i = 0; i < 10; ++i) {
        nng_recv(sub_sock, &quote_ptr, &sz, NNG_FLAG_ALLOC);
        printf("receive quote.id=%d\n", quote_ptr->id);

        nng_free(quote_ptr, sz);
    }
    nng_close(sub_sock);
}

int main(int argc, char** argv) {
    subscribe_alloc("ipc:///tmp/pubsub.ipc");
}
