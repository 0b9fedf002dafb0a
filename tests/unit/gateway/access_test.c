#include "config/access.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static struct config_texts texts(const char *const *items)
{
    struct config_texts result = {.items = (char **)(void *)items};
    while (items[result.count] != NULL)
        result.count++;
    return result;
}

static char why[160];

static bool admits(const char *const *allow, const char *const *deny, struct leat_visitor visitor)
{
    const struct config_bridge bridge = {.allow = texts(allow), .deny = texts(deny), .max_peers = 3};
    struct access *access = access_new(&bridge);
    if (visitor.address == NULL)
        visitor.address = "";
    const bool result = access_admits(access, &visitor, why, sizeof why);
    access_free(access);
    return result;
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NONE ((const char *const[]){NULL})
#define FROM(text) ((struct leat_visitor){.knows = LEAT_VISITOR_ADDRESS, .address = (text)})
#define USER(uid) ((struct leat_visitor){.knows = LEAT_VISITOR_USER, .user = (uid)})
#define NAMED(...) ((struct leat_visitor){.knows = LEAT_VISITOR_NAMES, .names = (const char *const[]){__VA_ARGS__}})

Test(access, a_network_is_compared_to_its_last_bit)
{
    cr_expect(admits(LIST("10.1.2.0/23"), NONE, FROM("10.1.3.255:1")));
    cr_expect_not(admits(LIST("10.1.2.0/23"), NONE, FROM("10.1.4.0:1")));
    cr_expect(admits(LIST("10.1.2.3"), NONE, FROM("10.1.2.3:1")));
    cr_expect_not(admits(LIST("10.1.2.3"), NONE, FROM("10.1.2.2:1")));
    cr_expect(admits(LIST("0.0.0.0/0"), NONE, FROM("255.255.255.255:1")));
    cr_expect_not(admits(LIST("0.0.0.0/0"), NONE, FROM("[2001:db8::1]:1")), "IPv6 is no part of all IPv4");
    cr_expect_not(admits(LIST("::/0"), NONE, FROM("10.1.2.3:1")), "nor the other way round");
    cr_expect_not(admits(LIST("::/0"), NONE, FROM("[::ffff:10.1.2.3]:1")), "however it is written");
    cr_expect(admits(LIST("::/0"), NONE, FROM("[2001:db8::1]:1")));
    cr_expect(admits(LIST("::ffff:10.0.0.0/104"), NONE, FROM("10.1.2.3:1")));
    cr_expect(admits(LIST("2001:db8::/33"), NONE, FROM("[2001:db8:7fff::1]:1")));
    cr_expect_not(admits(LIST("2001:db8::/33"), NONE, FROM("[2001:db8:8000::1]:1")));
    cr_expect(admits(LIST("10.0.0.0/8"), NONE, FROM("[::ffff:10.1.2.3]:1")), "an IPv4 peer at an IPv6 socket");
}

Test(access, deny_goes_before_allow)
{
    cr_expect_not(admits(LIST("10.0.0.0/8"), LIST("10.9.0.0/16"), FROM("10.9.1.1:1")));
    cr_expect_str_eq(why, "deny = 10.9.0.0/16");
    cr_expect(admits(LIST("10.0.0.0/8"), LIST("10.9.0.0/16"), FROM("10.8.1.1:1")));
    cr_expect_not(admits(LIST("10.0.0.0/8"), NONE, FROM("11.0.0.1:1")));
    cr_expect_str_eq(why, "no rule of 'allow' fits");
}

Test(access, an_address_that_nobody_knows_fits_no_rule)
{
    static const char *const texts_[] = {"", "?", "10.1.2.3", "[::1", "pipe 7 (gone)"};
    for (size_t i = 0; i < COUNT(texts_); i++)
        cr_expect_not(admits(LIST("0.0.0.0/0", "::/0"), NONE, FROM(texts_[i])), "%s", texts_[i]);
    cr_expect_not(admits(NONE, LIST("10.9.0.0/16"), FROM("?")), "it could be one that is denied");
    cr_expect(admits(NONE, LIST("uid:1000"), FROM("?")), "no address is denied");
}

Test(access, a_local_peer_needs_a_rule_for_users_where_there_are_rules)
{
    cr_expect(admits(LIST("uid:1000"), NONE, USER(1000)));
    cr_expect_not(admits(LIST("uid:1000"), NONE, USER(1001)));
    cr_expect_not(admits(LIST("10.0.0.0/8"), NONE, USER(1000)));
    cr_expect_not(admits(LIST("uid:1000"), NONE, FROM("10.1.1.1:1")), "and one of the network one for addresses");
    cr_expect(admits(LIST("user:root"), NONE, USER(0)));
    cr_expect_not(admits(NONE, LIST("user:root"), USER(0)));
}

Test(access, names_are_judged_apart_from_addresses)
{
    cr_expect(admits(LIST("name:*.example", "10.0.0.0/8"), NONE, NAMED("cn", "a.b.EXAMPLE", NULL)));
    cr_expect(admits(LIST("name:*.example", "10.0.0.0/8"), NONE, FROM("10.1.1.1:1")));
    cr_expect_not(admits(LIST("name:*.example", "10.0.0.0/8"), NONE, FROM("11.1.1.1:1")));
    cr_expect_not(admits(LIST("name:*.example"), NONE, NAMED("example", NULL)), "the domain itself is no name in it");
    cr_expect_not(admits(LIST("name:*.example"), NONE, NAMED(NULL)), "none at all");
    cr_expect(admits(LIST("10.0.0.0/8"), NONE, NAMED(NULL)), "no rule is about names");
    cr_expect_not(admits(NONE, LIST("name:desk"), NAMED("other", "desk", NULL)), "one that is denied is enough");
}

Test(access, there_is_room_for_so_many)
{
    struct leat_visitor visitor = {.knows = LEAT_VISITOR_PEERS, .peers = 2};
    cr_expect(admits(NONE, NONE, visitor));
    visitor.peers = 3;
    cr_expect_not(admits(NONE, NONE, visitor));
    cr_expect_str_eq(why, "max_peers = 3");
}

Test(access, a_rule_that_is_none_is_explained)
{
    static const char *const wrong[] = {
        "10.0.0.0/33", "10.0.0.0/",   "10.0.0.0/-1", "10.0.0.1/24", "::/129",  "2001:db8::1/64",
        "10.0.0",      "hub.example", "uid:",        "uid:-1",      "uid:x",   "uid:4294967295",
        "user:",       "name:",       "name:a*",     "name:*",      "name:*.", "*"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char *problem = access_rule_problem(wrong[i]);
        cr_expect_not_null(problem, "%s", wrong[i]);
        free(problem);
    }
    cr_expect_null(access_rule_problem("::/0"));
    cr_expect_null(access_rule_problem("uid:0"));
}
