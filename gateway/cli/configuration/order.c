#include "cli/configuration/order.h"

#include "base/page.h"
#include "cli/gateway_choice.h"

#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

/* The socket's path, as the gateway's page has it. 0 or an exit status. */
static int find_socket(const char *gateway, char *path, size_t size)
{
    struct page_map copy;
    int error = page_copy(&copy, NULL, gateway);
    if (error)
        return gateway_explain(gateway, error);
    snprintf(path, size, "%s", copy.page->control);
    page_close(&copy);
    if (!page_is_live(NULL, gateway)) {
        warnx("gateway '%s' does not run", gateway);
        return EX_UNAVAILABLE;
    }
    if (!*path) {
        warnx("gateway '%s' has no control socket: set 'control' in its [gateway] section, or send its leatd SIGHUP to "
              "reload",
              gateway);
        return EX_UNAVAILABLE;
    }
    return 0;
}

static int open_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

/* The last line, or NULL when the connection ended before it. */
static cJSON *read_answer(FILE *from, void (*on_event)(const cJSON *line))
{
    char *text = NULL;
    size_t size = 0;
    cJSON *line = NULL;
    bool last = false;
    while (!last && getline(&text, &size, from) > 0) {
        cJSON_Delete(line);
        line = cJSON_Parse(text);
        last = line && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line, "done"));
        if (line && !last && on_event)
            on_event(line);
    }
    free(text);
    if (last)
        return line;
    cJSON_Delete(line);
    return NULL;
}

static void write_question(FILE *to, const char *what, const char *file)
{
    cJSON *question = cJSON_CreateObject();
    cJSON_AddStringToObject(question, "do", what);
    if (file)
        cJSON_AddStringToObject(question, "config", file);
    char *line = cJSON_PrintUnformatted(question);
    fprintf(to, "%s\n", line ? line : "");
    fflush(to);
    free(line);
    cJSON_Delete(question);
}

cJSON *order_send(const char *gateway, const char *what, const char *file, void (*on_event)(const cJSON *line),
                  int *status)
{
    char path[PAGE_CONTROL_BYTES];
    *status = find_socket(gateway, path, sizeof path);
    if (*status)
        return NULL;
    int fd = open_socket(path);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "r+");
    if (!stream) {
        int error = fd < 0 ? -fd : errno;
        warnx("gateway '%s' cannot be asked at %s: %s", gateway, path, strerror(error));
        *status = error == EACCES ? EX_NOPERM : EX_UNAVAILABLE;
        return NULL;
    }
    write_question(stream, what, file);
    cJSON *answer = read_answer(stream, on_event);
    fclose(stream);
    if (!answer) {
        warnx("gateway '%s' ended the connection without an answer", gateway);
        *status = EX_UNAVAILABLE;
    }
    return answer;
}
