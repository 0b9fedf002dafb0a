#include "base/log.h"
#include "base/text.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int log_file;

/* What is logged from here on goes to a file. */
static void capture(void)
{
    log_file = memfd_create("log", 0);
    dup2(log_file, STDERR_FILENO);
}

static const char *captured(void)
{
    static char text[8192];
    ssize_t len = pread(log_file, text, sizeof text - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

static bool matches(const char *text, const char *pattern)
{
    regex_t regex;
    cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

Test(log, a_line_in_a_file_has_a_local_time_a_level_and_who_says_it, .init = capture)
{
    log_open("gateway", LEAT_LOG_INFO);
    log_warning("port %d is taken", 5555);
    cr_assert(matches(captured(), "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3} warning gateway: "
                                  "port 5555 is taken\n$"),
              "%s", captured());
}

Test(log, another_speaker_is_named_instead, .init = capture)
{
    log_open("gateway", LEAT_LOG_INFO);
    log_line(LEAT_LOG_ERROR, "bridge quotes", "failed");
    cr_assert(matches(captured(), " error +bridge quotes: failed\n$"), "%s", captured());
}

/* The journal of a test: a socket that keeps what it is sent. */
static int journal_make(char path[64])
{
    snprintf(path, 64, "/tmp/leat-journal-%d", (int)getpid());
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    unlink(path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static const char *journal_heard(int fd)
{
    static char text[4096];
    ssize_t len = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

Test(log, the_journal_gets_fields_and_stderr_nothing, .init = capture)
{
    char path[64], first[64];
    int journal = journal_make(path);
    log_open_journal("gateway", LEAT_LOG_INFO, path);
    log_line(LEAT_LOG_WARNING, "bridge quotes", "two\nlines %d", 7);
    const char *heard = journal_heard(journal);
    cr_expect(matches(heard, "^MESSAGE=bridge quotes: two.lines 7\nPRIORITY=4\nSYSLOG_IDENTIFIER=leatd\n"
                             "LEAT_PROCESS=gateway\nMESSAGE_ID=[0-9a-f]{32}\nLEAT_BRIDGE=quotes\n$"),
              "%s", heard);
    snprintf(first, sizeof first, "%.44s", strstr(heard, "MESSAGE_ID="));
    log_line(LEAT_LOG_INFO, NULL, "two\nlines %d", 8);
    heard = journal_heard(journal);
    cr_expect(strstr(heard, first) && !strstr(heard, "LEAT_BRIDGE"), "one kind, one identifier: %s", heard);
    log_info("another kind");
    cr_expect(!strstr(journal_heard(journal), first));
    cr_expect_str_empty(captured());
    unlink(path);
}

Test(log, a_journal_that_is_not_there_costs_no_line, .init = capture)
{
    log_open_journal("gateway", LEAT_LOG_INFO, "/nonexistent/journal");
    log_error("still said");
    cr_assert_str_eq(captured(), "<3>gateway: still said\n");
}

Test(log, what_is_less_urgent_than_the_level_is_not_written, .init = capture)
{
    log_open("gateway", LEAT_LOG_WARNING);
    log_info("nobody needs this");
    log_debug("nor this");
    cr_assert_str_empty(captured());
}

Test(log, the_journal_gets_a_priority_instead_of_a_time, .init = capture)
{
    struct stat st;
    char stream[64];
    cr_assert_eq(fstat(log_file, &st), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_open("gateway", LEAT_LOG_DEBUG);
    log_error("one");
    log_debug("two");
    cr_assert_str_eq(captured(), "<3>gateway: one\n<7>gateway: two\n");
}

Test(log, a_redirected_service_is_not_the_journal, .init = capture)
{
    setenv("JOURNAL_STREAM", "1:2", 1);
    log_open("gateway", LEAT_LOG_INFO);
    log_info("hello");
    cr_assert(matches(captured(), "^[0-9]{4}-"), "%s", captured());
}

Test(log, hostile_text_forges_no_line_and_no_terminal_sequence, .init = capture)
{
    log_open("gateway", LEAT_LOG_INFO);
    log_info("peer %s", "a\nb\033[2Jc\xc2\x9b"
                        "d\xff");
    cr_assert(matches(captured(), "peer a b \\[2Jc  d\\?\n$"), "%s", captured());
}

Test(log, a_line_that_is_too_long_is_cut_and_still_ends, .init = capture)
{
    char giant[6000];
    memset(giant, 'x', sizeof giant);
    giant[sizeof giant - 1] = '\0';
    log_open("gateway", LEAT_LOG_INFO);
    log_info("%s", giant);
    const char *text = captured();
    cr_assert_eq(strlen(text), 2048);
    cr_assert_str_eq(text + strlen(text) - 5, "x...\n");
}

Test(text, proper_utf8_stays_as_it_is)
{
    char text[] = "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x90\x9f";
    text_make_plain(text);
    cr_assert_str_eq(text, "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x90\x9f");
}

Test(text, cut_overlong_and_surrogate_sequences_become_question_marks)
{
    char cut[] = "a\xe2\x82", overlong[] = "\xc0\xaf", surrogate[] = "\xed\xa0\x80";
    text_make_plain(cut);
    text_make_plain(overlong);
    text_make_plain(surrogate);
    cr_assert_str_eq(cut, "a??");
    cr_assert_str_eq(overlong, "??");
    cr_assert_str_eq(surrogate, "???");
}

Test(text, a_field_without_an_end_gets_one)
{
    char field[4] = {'a', 'b', 'c', 'd'};
    text_bound(field, sizeof field);
    cr_assert_str_eq(field, "abc");
}
