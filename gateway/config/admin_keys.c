#include "config/admin_keys.h"

#include "config/admin_address.h"
#include "config/memory.h"
#include "config/url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define TOKEN_MIN_BYTES 16
#define TOKEN_MAX_BYTES 256

static const struct config_entry *entry_of(const struct config *config, const char *key)
{
    return config_find(config, "gateway", key);
}

/* It travels in a header and in a URL, so it needs no escaping in either. */
static bool is_token(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    const size_t len = strlen(text);
    return len >= TOKEN_MIN_BYTES && len <= TOKEN_MAX_BYTES && strspn(text, letters) == len;
}

static void check_token(const struct config *config, struct problems *problems)
{
    const struct config_entry *token = entry_of(config, "admin_token");
    if (token == NULL || token->doubtful)
        return;
    if (!is_token(token->value))
        problems_add(problems, token->file, token->line,
                     "[gateway] admin_token: expected %d to %d letters, digits, '-', '.', '_' and '~', such as "
                     "`openssl rand -hex 24` prints",
                     TOKEN_MIN_BYTES, TOKEN_MAX_BYTES);
    if (entry_of(config, "admin") == NULL)
        problems_add(problems, token->file, token->line,
                     "[gateway] admin_token: has no effect without 'admin', such as admin = http://127.0.0.1:9464");
}

/* A bridge that listens at the admin side's port. */
static void check_listeners(const struct config *config, const struct config_entry *admin, struct problems *problems)
{
    struct config_url own = {0};
    const char *authority = admin->value + strlen("http://");
    char *url = memory_format("tcp://%.*s", (int)strcspn(authority, "/"), authority);
    free(url_split(url, &own));
    for (size_t i = 0; i < config->bridge_count; i++) {
        const struct config_bridge *bridge = &config->bridges[i];
        for (size_t j = 0; j < bridge->listen.count; j++) {
            const struct config_entry *listen = config_find(config, bridge->section, "listen");
            if (listen != NULL && url_collides(&own, &bridge->listen.items[j]))
                problems_add(problems, admin->file, admin->line, "[gateway] admin = %s: [%s] listens there too (%s:%u)",
                             admin->value, bridge->section, listen->file, listen->line);
        }
    }
    url_fini(&own);
    free(url);
}

static void check_address(const struct config *config, struct problems *problems)
{
    const struct config_entry *admin = entry_of(config, "admin");
    struct admin_address address;
    if (admin == NULL || admin->doubtful)
        return;
    char *problem = admin_address_parse(admin->value, &address);
    if (problem != NULL)
        problems_add(problems, admin->file, admin->line, "[gateway] admin = %s: %s",
                     admin->secret ? "(secret)" : admin->value, problem);
    else if (!address.loopback && entry_of(config, "admin_token") == NULL)
        problems_add(problems, admin->file, admin->line,
                     "[gateway] admin = %s: other hosts reach this address, so it needs 'admin_token', such as "
                     "admin_token = ${file:admin.token}",
                     admin->value);
    if (problem == NULL)
        check_listeners(config, admin, problems);
    free(problem);
}

void admin_keys_check(const struct config *config, struct problems *problems)
{
    check_address(config, problems);
    check_token(config, problems);
}

/* ---- the port ---------------------------------------------------------------------------------------------------- */

/* Asks who answers there. The answer to /health names the gateway, and needs no token. */
static bool is_this_gateway(const struct config *config, const struct admin_address *address)
{
    static const char question[] = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    const struct timeval patience = {.tv_sec = 1};
    char answer[1024] = "";
    size_t len = 0;
    const int fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)); /* holds for connect() too */
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (const struct sockaddr *)&address->socket, address->socket_bytes) == 0 &&
        send(fd, question, strlen(question), MSG_NOSIGNAL) == (ssize_t)strlen(question)) {
        ssize_t got;
        while (len < sizeof(answer) - 1 && (got = recv(fd, answer + len, sizeof(answer) - 1 - len, 0)) > 0)
            len += (size_t)got;
    }
    if (fd >= 0)
        close(fd);
    char *ours = memory_format("\"gateway\":\"%s\"", config->gateway.name);
    const bool result = strstr(answer, ours) != NULL;
    free(ours);
    return result;
}

void admin_keys_check_port(const struct config *config, struct problems *problems)
{
    const struct config_entry *admin = entry_of(config, "admin");
    struct admin_address address;
    if (admin == NULL || admin->doubtful)
        return;
    char *problem = admin_address_parse(admin->value, &address);
    const int fd = problem == NULL ? admin_address_listen(&address) : -EINVAL;
    if (fd >= 0)
        close(fd);
    else if (problem == NULL && !(fd == -EADDRINUSE && is_this_gateway(config, &address)))
        problems_add(problems, admin->file, admin->line, "[gateway] admin = %s: cannot listen there: %s", admin->value,
                     strerror(-fd));
    free(problem);
}
