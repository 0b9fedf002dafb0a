#include "common/sp_address.h"

#include <arpa/inet.h>
#include <nng/transport/ipc/ipc.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void write_local(nng_pipe pipe, const char *path, char *text, size_t size)
{
    uint64_t pid;
    if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid) == 0)
        snprintf(text, size, "%.80s (pid %llu)", path, (unsigned long long)pid);
    else
        snprintf(text, size, "%.100s", path);
}

void sp_address_write(const nng_sockaddr *address, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "";
    bool six = address->s_family == NNG_AF_INET6;
    const void *bytes = six ? (const void *)address->s_in6.sa_addr : (const void *)&address->s_in.sa_addr;
    inet_ntop(six ? AF_INET6 : AF_INET, bytes, host, sizeof host);
    unsigned port = ntohs(six ? address->s_in6.sa_port : address->s_in.sa_port);
    snprintf(text, size, six ? "[%s]:%u" : "%s:%u", host, port);
}

bool sp_address_of_fd(int fd, char *text, size_t size)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    nng_sockaddr address = {0};
    if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
        return false;
    if (peer.ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)&peer;
        address.s_in = (struct nng_sockaddr_in){NNG_AF_INET, four->sin_port, four->sin_addr.s_addr};
    } else if (peer.ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&peer;
        address.s_in6.sa_family = NNG_AF_INET6;
        address.s_in6.sa_port = six->sin6_port;
        memcpy(address.s_in6.sa_addr, &six->sin6_addr, sizeof address.s_in6.sa_addr);
    } else {
        return false;
    }
    sp_address_write(&address, text, size);
    return true;
}

/* nng bumps no counter on a pipe of these transports. */
static bool is_uncounted(nng_pipe pipe)
{
    char *url = NULL;
    nng_listener listener = nng_pipe_listener(pipe);
    nng_dialer dialer = nng_pipe_dialer(pipe);
    if (nng_listener_id(listener) > 0)
        nng_listener_get_string(listener, NNG_OPT_URL, &url);
    else if (nng_dialer_id(dialer) > 0)
        nng_dialer_get_string(dialer, NNG_OPT_URL, &url);
    bool uncounted = url && (strncmp(url, "ws", 2) == 0 || strncmp(url, "inproc", 6) == 0);
    nng_strfree(url);
    return uncounted;
}

uint32_t sp_address_of_pipe(nng_pipe pipe, char *text, size_t size)
{
    nng_sockaddr address = {0};
    text[0] = '\0';
    if (nng_pipe_get_addr(pipe, NNG_OPT_REMADDR, &address) != 0)
        snprintf(text, size, SP_ADDRESS_GONE "%d", nng_pipe_id(pipe));
    switch (address.s_family) {
    case NNG_AF_INPROC:
        snprintf(text, size, "inproc://%.96s", address.s_inproc.sa_name);
        break;
    case NNG_AF_IPC:
        write_local(pipe, address.s_ipc.sa_path, text, size);
        break;
    case NNG_AF_ABSTRACT:
        write_local(pipe, "abstract", text, size);
        break;
    case NNG_AF_INET:
    case NNG_AF_INET6:
        sp_address_write(&address, text, size);
        break;
    default:
        break;
    }
    return !is_uncounted(pipe);
}
