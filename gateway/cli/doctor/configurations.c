/* Configurations, as the gateway's own check judges them; and who has the ports that they want. */
#include "base/beside.h"
#include "base/page.h"
#include "base/process.h"
#include "cli/doctor/areas.h"
#include "config/memory.h"

#include <cjson/cJSON.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES_MOST 64
#define AREA "configuration"

/* ---- the check ------------------------------------------------------------------------------------------------------- */

static char *read_all(int fd)
{
    char *text = NULL;
    size_t size = 0;
    FILE *in = fdopen(fd, "r");
    if (!in || getdelim(&text, &size, '\0', in) <= 0) {
        free(text);
        text = NULL;
    }
    if (in) {
        fclose(in);
    }
    return text;
}

/* What `leatd --check --format json` says; NULL when it says nothing that can be understood. */
static cJSON *check(const char *file)
{
    int output[2];
    char *program = beside_program(LEAT_DAEMON_FROM_PROGRAM), *text = NULL;
    if (program && pipe2(output, O_CLOEXEC) == 0) {
        char *argv[] = {"leatd", "--check", "--format", "json", "--config", (char *)file, NULL};
        const struct process_fd fds[] = {{output[1], STDOUT_FILENO}};
        struct process process;
        siginfo_t end;
        const int error = process_spawn(
            &process,
            &(struct process_spec){.path = program, .argv = argv, .fds = fds, .fd_count = 1, .death_signal = SIGKILL});
        close(output[1]);
        text = read_all(output[0]);
        if (error == 0) {
            waitid(P_PIDFD, (id_t)process.pidfd, &end, WEXITED);
            close(process.pidfd);
        }
    }
    free(program);
    cJSON *answer = text ? cJSON_Parse(text) : NULL;
    free(text);
    return answer;
}

/* ---- ports ----------------------------------------------------------------------------------------------------------- */

/* The port of the first URL of `config` that the text names; 0: none. */
static unsigned port_in(const struct config *config, const char *text)
{
    for (size_t i = 0; config && i < config->bridge_count; i++) {
        const struct config_urls *listen = &config->bridges[i].listen;
        for (size_t k = 0; k < listen->count; k++) {
            const char *port = strrchr(listen->items[k].rest, ':');
            if (port && strstr(text, listen->items[k].text)) {
                return (unsigned)strtoul(port + 1, NULL, 10);
            }
        }
    }
    return 0;
}

static void tell_problem(struct doctor_report *report, const struct config *config, const cJSON *problem)
{
    const cJSON *file = cJSON_GetObjectItem(problem, "file"), *line = cJSON_GetObjectItem(problem, "line"),
                *text = cJSON_GetObjectItem(problem, "text");
    char subject[PATH_MAX + 16] = "configuration", holder[128],
                            remedy[256] = "Mend that line; `leat check` looks again.";
    const char *words = cJSON_IsString(text) ? text->valuestring : "";
    const bool taken = strstr(words, "in use") != NULL;
    const unsigned port = taken ? port_in(config, words) : 0;
    if (cJSON_IsString(file)) {
        snprintf(subject, sizeof subject, "%s:%d", file->valuestring, cJSON_IsNumber(line) ? line->valueint : 0);
    }
    if (port && doctor_port_holder(port, holder, sizeof holder)) {
        snprintf(remedy, sizeof remedy, "%s has port %u: stop that, or take another port.", holder, port);
    }
    doctor_tell(report, AREA,
                (struct leat_finding){.grade = LEAT_FINDING_ERROR,
                                      .subject = subject,
                                      .code = taken ? "port-taken" : "configuration",
                                      .remedy = remedy},
                "%s", words);
}

static bool examine(struct doctor_report *report, const char *file)
{
    cJSON *answer = check(file);
    const cJSON *problems = cJSON_GetObjectItem(answer, "problems"), *problem;
    if (!cJSON_IsArray(problems)) {
        warnx("%s could not be checked: leatd is not beside this program, or does not answer", file);
        cJSON_Delete(answer);
        return false;
    }
    struct problems ignored = {0};
    struct config *config = config_read(file, &ignored);
    const unsigned before = report->bad;
    cJSON_ArrayForEach(problem, problems)
    {
        tell_problem(report, config, problem);
    }
    if (config) {
        doctor_files(report, config);
    }
    if (report->bad == before) {
        doctor_tell(report, AREA,
                    (struct leat_finding){.grade = LEAT_FINDING_GOOD, .subject = file, .code = "configuration"},
                    "it is valid");
    }
    problems_fini(&ignored);
    config_free(config);
    cJSON_Delete(answer);
    return true;
}

/* ---- which ----------------------------------------------------------------------------------------------------------- */

struct files {
    char *names[FILES_MOST];
    size_t count;
};

static void remember(struct files *files, const char *file)
{
    char *whole = realpath(file, NULL);
    for (size_t i = 0; whole && i < files->count; i++) {
        if (strcmp(files->names[i], whole) == 0) {
            free(whole);
            whole = NULL;
        }
    }
    if (whole && files->count < FILES_MOST) {
        files->names[files->count++] = whole;
    } else {
        free(whole);
    }
}

/* The argument behind -c or --config of a command line whose words end in NUL. */
static const char *config_argument(const char *words, size_t len)
{
    for (const char *word = words, *end = words + len; word < end; word += strlen(word) + 1) {
        const char *next = word + strlen(word) + 1;
        if ((strcmp(word, "-c") == 0 || strcmp(word, "--config") == 0) && next < end) {
            return next;
        }
        if (strncmp(word, "--config=", 9) == 0) {
            return word + 9;
        }
        if (strncmp(word, "-c", 2) == 0 && word[2]) {
            return word + 2;
        }
    }
    return LEAT_CONFIG_FILE;
}

static int remember_running(const char *gateway, void *user)
{
    struct page_map page;
    char path[64], words[4096], file[PATH_MAX + 64];
    if (!page_is_live(NULL, gateway) || page_copy(&page, NULL, gateway) != 0) {
        return 0;
    }
    const pid_t pid = (pid_t)page.page->supervisor_pid;
    page_close(&page);
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t len = fd < 0 ? -1 : read(fd, words, sizeof words - 1);
    if (fd >= 0) {
        close(fd);
    }
    if (len > 0) {
        words[len] = '\0';
        const char *named = config_argument(words, (size_t)len);
        if (named[0] == '/') {
            snprintf(file, sizeof file, "%s", named);
        } else {
            snprintf(file, sizeof file, "/proc/%d/cwd/%s", (int)pid, named);
        }
        remember(user, file);
    }
    return 0;
}

bool doctor_configurations(struct doctor_report *report, const char *file)
{
    struct files files = {0};
    bool done = true;
    if (file) {
        files.names[files.count++] = memory_copy(file);
    } else {
        page_list(NULL, remember_running, &files);
        remember(&files, LEAT_CONFIG_FILE);
    }
    for (size_t i = 0; i < files.count; i++) {
        done &= examine(report, files.names[i]);
        free(files.names[i]);
    }
    return done;
}
