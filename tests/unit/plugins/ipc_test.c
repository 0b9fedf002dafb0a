/* Local sockets: what check() finds, stale files, permissions, and listeners that nng 1.5 lets go deaf. */
#include "peer.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <nng/nng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/leat-ipc-XXXXXX", url[128], path[108];
static struct plug plug;

static void set_up(void)
{
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    snprintf(url, sizeof url, "ipc://%s", path);
    plug_init(&plug, "ipc", "");
}

static void tear_down(void)
{
    unlink(path);
    rmdir(folder);
    plug_fini(&plug);
}

TestSuite(ipc, .init = set_up, .fini = tear_down);

static struct sockaddr_un address_of(const char *at)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", at);
    return address;
}

static int check_listen(const char *at)
{
    struct leat_endpoint endpoint = {.size = sizeof endpoint, .listen = 1, .url = at, .options = plug.options.values};
    plug.heard[0] = '\0';
    return plug.plugin->transport->check(&plug.host, &endpoint);
}

/* Binds the path and leaves its file behind, as a program does that was killed. */
static void leave_a_stale_file(void)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    close(fd);
}

Test(ipc, check_likes_a_free_path_and_leaves_nothing_there)
{
    cr_assert(check_listen(url) == 0, "%s", plug.heard);
    cr_assert(access(path, F_OK) != 0);
}

Test(ipc, check_blames_a_folder_that_is_not_there)
{
    cr_assert(check_listen("ipc:///no/such/folder/x") == -EINVAL);
    cr_assert(strstr(plug.heard, "blame listen: folder '/no/such/folder': No such file"), "%s", plug.heard);
}

Test(ipc, check_blames_a_path_that_is_too_long)
{
    char text[200] = "ipc:///tmp/";
    memset(text + strlen(text), 'x', 120);
    cr_assert(check_listen(text) == -EINVAL);
    cr_assert(strstr(plug.heard, "has 125 bytes, a local socket's path at most 107"), "%s", plug.heard);
}

Test(ipc, check_blames_a_missing_path)
{
    cr_assert(check_listen("ipc://") == -EINVAL);
    cr_assert(strstr(plug.heard, "a path must follow"), "%s", plug.heard);
}

Test(ipc, neither_check_nor_attach_touches_a_file_that_is_no_socket)
{
    struct peer peer;
    char why[256];
    fclose(fopen(path, "w"));
    cr_assert(check_listen(url) == -EINVAL);
    cr_assert(strstr(plug.heard, "exists and is not a socket"), "%s", plug.heard);
    peer_open(&peer, &plug, LEAT_ROLE_PULLER, 0);
    cr_assert(peer_attach(&peer, &plug, url, true, why, sizeof why) == -EEXIST);
    cr_assert(strstr(why, "exists and is not a socket"), "%s", why);
    cr_assert(access(path, F_OK) == 0);
    peer_close(&peer);
}

Test(ipc, a_stale_socket_file_is_replaced)
{
    struct peer peer;
    leave_a_stale_file();
    cr_assert(check_listen(url) == 0, "%s", plug.heard);
    peer_open(&peer, &plug, LEAT_ROLE_PULLER, 0);
    peer_listen(&peer, &plug, url);
    peer_close(&peer);
}

Test(ipc, the_mode_is_that_of_the_options)
{
    struct plug open;
    struct peer peer;
    struct stat found;
    plug_init(&open, "ipc", "mode = 0660");
    peer_open(&peer, &open, LEAT_ROLE_PULLER, 0);
    peer_listen(&peer, &open, url);
    cr_assert(stat(path, &found) == 0 && (found.st_mode & 0777) == 0660, "%o", found.st_mode);
    peer_close(&peer);
    plug_fini(&open);
}

/* ---- owner and group --------------------------------------------------------------------------------------------- */

static int check_with(const char *settings)
{
    struct plug other;
    plug_init(&other, "ipc", settings);
    struct leat_endpoint endpoint = {.size = sizeof endpoint, .listen = 1, .url = url, .options = other.options.values};
    int result = other.plugin->transport->check(&other.host, &endpoint);
    snprintf(plug.heard, sizeof plug.heard, "%s", other.heard);
    plug_fini(&other);
    return result;
}

Test(ipc, check_blames_a_user_and_a_group_that_are_not_there)
{
    cr_assert(check_with("owner = nobody-here\ngroup = none-there") == -EINVAL);
    cr_assert(strstr(plug.heard, "blame owner: there is no user 'nobody-here' on this host"), "%s", plug.heard);
    cr_assert(strstr(plug.heard, "blame group: there is no group 'none-there' on this host"), "%s", plug.heard);
}

/* Root may do everything, so that it has to be somebody else to be refused. */
static void become_nobody(void)
{
    if (geteuid() == 0)
        cr_assert(chown(folder, 65534, 65534) == 0 && seteuid(65534) == 0);
}

static void become_who_we_were(void)
{
    cr_assert(seteuid(getuid()) == 0);
}

Test(ipc, check_blames_a_file_that_only_root_may_give_away)
{
    become_nobody();
    cr_assert(check_with("owner = 0\ngroup = 54321") == -EINVAL);
    cr_assert(strstr(plug.heard, "blame owner: only root may give a file to user '0'"), "%s", plug.heard);
    cr_assert(strstr(plug.heard, "blame group: the gateway's user is not in group '54321'"), "%s", plug.heard);
    become_who_we_were();
}

/* As root to somebody else; others can at least name themselves. */
Test(ipc, the_file_goes_to_the_owner_and_the_group_of_the_options)
{
    struct plug given;
    struct peer receiver;
    struct stat found;
    char settings[96];
    uid_t owner = geteuid() == 0 ? 12345 : geteuid();
    gid_t group = geteuid() == 0 ? 12346 : getegid();
    snprintf(settings, sizeof settings, "owner = %u\ngroup = %u\nmode = 0620", owner, group);
    plug_init(&given, "ipc", settings);
    peer_open(&receiver, &given, LEAT_ROLE_PULLER, 0);
    peer_listen(&receiver, &given, url);
    cr_assert(stat(path, &found) == 0 && found.st_uid == owner && found.st_gid == group, "%u:%u", found.st_uid,
              found.st_gid);
    cr_assert((found.st_mode & 0777) == 0620, "%o", found.st_mode);
    peer_close(&receiver);
    plug_fini(&given);
}

Test(ipc, a_file_that_cannot_be_given_away_is_not_listened_at)
{
    struct plug given;
    struct peer receiver;
    char why[256];
    become_nobody();
    plug_init(&given, "ipc", "owner = 0");
    peer_open(&receiver, &given, LEAT_ROLE_PULLER, 0);
    cr_assert(peer_attach(&receiver, &given, url, true, why, sizeof why) == -EPERM, "%s", why);
    cr_assert(strstr(why, "ipc.owner, ipc.group: Operation not permitted"), "%s", why);
    peer_close(&receiver);
    plug_fini(&given);
    become_who_we_were();
}

/* ---- somebody else listens there --------------------------------------------------------------------------------- */

/* Whether a new pusher reaches the listener. */
static bool is_served(struct peer *receiver)
{
    struct peer sender;
    char got[8];
    peer_open(&sender, &plug, LEAT_ROLE_PUSHER, 0);
    peer_dial(&sender, &plug, url);
    cr_assert(peer_send(&sender, "hello", 5));
    bool served = peer_receive(receiver, got, sizeof got, 10000) == 5;
    peer_close(&sender);
    return served;
}

Test(ipc, a_path_in_use_is_refused_and_its_listener_lives_on)
{
    struct peer first, second;
    char why[256];
    peer_open(&first, &plug, LEAT_ROLE_PULLER, 0);
    peer_listen(&first, &plug, url);
    cr_assert(check_listen(url) == -EINVAL);
    cr_assert(strstr(plug.heard, "blame listen: another program listens there"), "%s", plug.heard);
    peer_open(&second, &plug, LEAT_ROLE_PULLER, 0);
    cr_assert(peer_attach(&second, &plug, url, true, why, sizeof why) == -EADDRINUSE);
    cr_assert(strstr(why, "another program listens there"), "%s", why);
    cr_assert(is_served(&first));
    cr_assert(first.most_connected == 1, "nobody counts the knocking");
    peer_close(&second);
    peer_close(&first);
}

static int knock_rudely(void)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int error = connect(fd, (struct sockaddr *)&address, sizeof address);
    close(fd);
    return error;
}

static ino_t file_at_path(void)
{
    struct stat found;
    return stat(path, &found) == 0 ? found.st_ino : 0;
}

/* Until the file at the path is another one: the listener has been renewed. */
static bool await_renewal(ino_t before)
{
    for (int i = 0; i < 200; i++) {
        ino_t now = file_at_path();
        if (now && now != before)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return false;
}

static bool can_go_deaf(void)
{
    return strncmp(nng_version(), "1.5.", 4) == 0;
}

/* Hangs up until the listener is deaf and renewed: not every hanging up makes it so. A sound nng only has to bear it. */
static void deafen(void)
{
    ino_t before = file_at_path();
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 20; i++)
            knock_rudely();
        if (!can_go_deaf() || await_renewal(before))
            return;
    }
    cr_assert(false, "never renewed");
}

Test(ipc, a_listener_that_peers_hang_up_on_serves_new_ones_and_keeps_the_old)
{
    struct peer receiver, old;
    char got[8];
    peer_open(&receiver, &plug, LEAT_ROLE_PULLER, 0);
    peer_listen(&receiver, &plug, url);
    peer_open(&old, &plug, LEAT_ROLE_PUSHER, 0);
    peer_dial(&old, &plug, url);
    cr_assert(peer_await_connected(&receiver, 1));
    deafen();
    cr_assert(is_served(&receiver), "%s", plug.heard);
    cr_assert(peer_send(&old, "still", 5) && peer_receive(&receiver, got, sizeof got, 10000) == 5);
    cr_assert(old.most_connected == 1 && old.connected == 1);
    cr_assert(!can_go_deaf() || strstr(plug.heard, "listening anew"), "%s", plug.heard);
    peer_close(&old);
    peer_close(&receiver);
}

Test(ipc, a_renewed_listener_has_the_owner_group_and_mode_of_the_first)
{
    struct plug given;
    struct peer receiver;
    struct stat first, renewed;
    plug_init(&given, "ipc", geteuid() == 0 ? "group = 12346\nmode = 0660" : "mode = 0660");
    peer_open(&receiver, &given, LEAT_ROLE_PULLER, 0);
    peer_listen(&receiver, &given, url);
    cr_assert(stat(path, &first) == 0);
    deafen();
    cr_assert(is_served(&receiver), "%s", given.heard);
    cr_assert(stat(path, &renewed) == 0);
    cr_assert(first.st_gid == renewed.st_gid && first.st_mode == renewed.st_mode, "%u %o", renewed.st_gid,
              renewed.st_mode);
    peer_close(&receiver);
    plug_fini(&given);
}

/* Sends until something comes; the first may go into a connection that nobody serves. */
static bool gets_through(struct peer *sender, struct peer *receiver, int tries)
{
    char got[8];
    for (int i = 0; i < tries; i++) {
        cr_assert(peer_send(sender, "here", 4));
        if (peer_receive(receiver, got, sizeof got, 100) == 4)
            return true;
    }
    return false;
}

/* Its first connection is one that the deaf listener let in and never served. */
Test(ipc, a_peer_that_came_while_the_listener_was_deaf_is_served_in_the_end)
{
    struct peer receiver, early;
    bool was_deaf = !can_go_deaf();
    peer_open(&receiver, &plug, LEAT_ROLE_PULLER, 0);
    peer_listen(&receiver, &plug, url);
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < 20; i++)
            knock_rudely();
        peer_open(&early, &plug, LEAT_ROLE_PUSHER, 0);
        peer_dial(&early, &plug, url);
        if (!gets_through(&early, &receiver, 3)) {
            was_deaf = true;
            cr_assert(gets_through(&early, &receiver, 60), "%s", plug.heard);
            round = 30;
        }
        peer_close(&early);
    }
    cr_assert(was_deaf, "never deaf");
    peer_close(&receiver);
}
