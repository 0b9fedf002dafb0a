/* The service manager is played by a socket of this process. */
#include "base/notify.h"

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int manager;
static char name[64];

static void announce(void)
{
    setenv("NOTIFY_SOCKET", name, 1);
    unsetenv("WATCHDOG_PID");
}

static void be_the_manager(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(name, sizeof name, "@leat-test-notify-%d", (int)getpid());
    memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(manager, (struct sockaddr *)&address,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))) == 0);
    announce();
}

static void go(void)
{
    notify_close();
    close(manager);
}

static const char *heard(void)
{
    static char message[512];
    ssize_t len = recv(manager, message, sizeof message - 1, MSG_DONTWAIT);
    message[len > 0 ? len : 0] = '\0';
    return message;
}

TestSuite(notify, .init = be_the_manager, .fini = go);

Test(notify, the_manager_hears_each_step_of_a_life)
{
    notify_open();
    notify_ready();
    cr_assert_str_eq(heard(), "READY=1");
    notify_reloading();
    long long us = 0;
    cr_assert_eq(sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%lld", &us), 1);
    cr_assert_gt(us, 0);
    notify_stopping();
    cr_assert_str_eq(heard(), "STOPPING=1");
}

Test(notify, a_status_is_one_line_and_is_told_when_it_changes)
{
    notify_open();
    notify_status("%d bridges\nREADY=1", 3);
    cr_assert(strncmp(heard(), "STATUS=3 bridges", 16) == 0);
    notify_status("%d bridges\nREADY=1", 3);
    cr_assert_str_eq(heard(), "");
    notify_status("4 bridges");
    cr_assert_str_eq(heard(), "STATUS=4 bridges");
}

Test(notify, only_the_process_that_is_watched_gives_signs_of_life)
{
    setenv("WATCHDOG_USEC", "3000000", 1);
    notify_open();
    cr_assert_eq(notify_watchdog_ns(), 3000000000);
    notify_alive();
    cr_assert_str_eq(heard(), "WATCHDOG=1");

    announce();
    setenv("WATCHDOG_USEC", "3000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    notify_open();
    cr_assert_eq(notify_watchdog_ns(), 0);
}

Test(notify, what_is_started_later_does_not_find_the_socket)
{
    setenv("WATCHDOG_USEC", "3000000", 1);
    notify_open();
    cr_assert_null(getenv("NOTIFY_SOCKET"));
    cr_assert_null(getenv("WATCHDOG_USEC"));
}

Test(notify, nobody_who_listens_is_no_trouble)
{
    unsetenv("NOTIFY_SOCKET");
    notify_open();
    notify_ready();
    cr_assert_str_eq(heard(), "");
    setenv("NOTIFY_SOCKET", "relative", 1);
    notify_open();
    notify_alive();
    cr_assert_eq(notify_watchdog_ns(), 0);
}
