/* What check() says about tcp and inproc addresses. */
#include "plug.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct expectation {
    const char *plugin, *url;
    uint32_t listen;
    const char *says; /* NULL: nothing is wrong */
};

static const struct expectation expectations[] = {
    {"tcp", "tcp://127.0.0.1:47401", 1, NULL},
    {"tcp", "tcp://*:47401", 1, NULL},
    {"tcp", "tcp://:47401", 1, NULL},
    {"tcp", "tcp://localhost:47401", 1, NULL},
    {"tcp", "tcp6://[::1]:47401", 1, NULL},
    {"tcp", "tcp4://0.0.0.0:0", 1, NULL},
    {"tcp", "tcp://host.example:1", 0, NULL},
    {"tcp", "tcp://[2001:db8::7]:65535", 0, NULL},
    {"tcp", "tcp://127.0.0.1", 1, "a port must follow the host"},
    {"tcp", "tcp://[::1]", 1, "a port must follow the host"},
    {"tcp", "tcp://127.0.0.1:65536", 1, "a number from 1 to 65535, or 0"},
    {"tcp", "tcp://127.0.0.1:0", 0, "a number from 1 to 65535"},
    {"tcp", "tcp://127.0.0.1:http", 0, "a number from 1 to 65535"},
    {"tcp", "tcp://127.0.0.1:99999999999999999999", 0, "a number from 1 to 65535"},
    {"tcp", "tcp://127.0.0.1:-1", 0, "a number from 1 to 65535"},
    {"tcp", "tcp://127.0.0.1:", 0, "a number from 1 to 65535"},
    {"tcp", "tcp://127.0.0.1:5555/topic", 0, "tcp has no paths"},
    {"tcp", "tcp://::1:5555", 0, "stands in brackets"},
    {"tcp", "tcp://[::1:5555", 0, "the bracket of the IPv6 address is not closed"},
    {"tcp", "tcp://eth0;host:5555", 0, "holds a character"},
    {"tcp", "tcp://:5555", 0, "a host must stand before the port"},
    {"tcp", "tcp://*:5555", 0, "a host must stand before the port"},
    {"tcp", "tcp://10.9.9.9:47401", 1, "address 10.9.9.9 is not on this host"},
    {"tcp", "tcp6://127.0.0.1:47401", 1, "has no address"},
    {"inproc", "inproc://orders", 1, NULL},
    {"inproc", "inproc://", 0, "a name must follow"},
};

static void look(const struct expectation *expected)
{
    const char *key = expected->listen ? "blame listen: " : "blame dial: ";
    plug_expect(expected->plugin, "", expected->url, expected->listen, key, expected->says);
}

Test(address, check_says_what_is_wrong)
{
    for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++)
        look(&expectations[i]);
}

Test(address, check_finds_a_port_in_use)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char url[64], says[64];
    cr_assert(bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 1) == 0);
    getsockname(fd, (struct sockaddr *)&address, &len);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%u", ntohs(address.sin_port));
    snprintf(says, sizeof says, "port %u is in use", ntohs(address.sin_port));
    look(&(struct expectation){"tcp", url, 1, says});
    close(fd);
    look(&(struct expectation){"tcp", url, 1, NULL});
}

Test(address, reconnect_times_must_be_in_order)
{
    struct plug plug;
    plug_init(&plug, "tcp", "reconnect_min = 5s\nreconnect_max = 1s");
    struct leat_endpoint endpoint = {.size = sizeof endpoint, .url = "tcp://h:1", .options = plug.options.values};
    cr_assert(plug.plugin->transport->check(&plug.host, &endpoint) == -EINVAL);
    cr_assert(strstr(plug.heard, "blame reconnect_max: must not be below reconnect_min"), "%s", plug.heard);
    plug_fini(&plug);
}
