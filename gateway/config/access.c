#include "config/access.h"

#include "config/memory.h"

#include <arpa/inet.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum kind { KIND_ADDRESS, KIND_USER, KIND_NAME, KINDS };

struct rule {
    enum kind kind;
    const char *text;          /* as it is written */
    unsigned char address[16]; /* an IPv4 one as ::ffff:a.b.c.d */
    unsigned bits;
    uint32_t user;
    bool nobody;
    const char *name; /* behind "name:" */
};

struct rules {
    struct rule *items;
    size_t count;
};

struct access {
    struct rules allow, deny;
    uint32_t max_peers; /* 0: any number */
};

/* ---- addresses --------------------------------------------------------------------------------------------------- */

enum { MAPPED_BYTES = 12, MAPPED_BITS = 8 * MAPPED_BYTES };

static const unsigned char mapped[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff}; /* before an IPv4 address */

/* The bits of the address that there are: 32 or 128, or 0 for none. */
static unsigned read_address(const char *text, unsigned char address[16])
{
    struct in_addr four;
    if (inet_pton(AF_INET, text, &four) == 1) {
        memcpy(address, mapped, sizeof(mapped));
        memcpy(address + sizeof(mapped), &four, sizeof(four));
        return 32;
    }
    return inet_pton(AF_INET6, text, address) == 1 ? 128 : 0;
}

static bool read_bits(const char *text, unsigned most, unsigned *bits)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    *bits = (unsigned)strtoul(text, &end, 10);
    return *end == '\0' && strlen(text) <= 3 && *bits <= most;
}

static bool has_bits_behind(const unsigned char address[16], unsigned bits)
{
    for (unsigned i = bits; i < 128; i++) {
        if ((address[i / 8] & (0x80u >> i % 8)) != 0)
            return true;
    }
    return false;
}

static char *read_network(const char *text, struct rule *rule)
{
    const char *slash = strchr(text, '/');
    char *host = slash != NULL ? memory_copy_part(text, (size_t)(slash - text)) : memory_copy(text);
    const unsigned whole = read_address(host, rule->address);
    free(host);
    unsigned bits = whole;
    if (whole == 0)
        return memory_copy(
            "expected an address (10.1.2.3, ::1), a network (10.0.0.0/8), user:NAME, uid:NUMBER or name:NAME");
    if (slash != NULL && !read_bits(slash + 1, whole, &bits))
        return memory_format("expected a number from 0 to %u behind the '/'", whole);
    rule->bits = 128 - whole + bits;
    if (has_bits_behind(rule->address, rule->bits))
        return memory_format(
            "this network is written with more bits of its address than %u; write zeros for the others", bits);
    return NULL;
}

/* "10.1.2.3:5000", "[::1]:5000". */
static bool address_of(const char *text, unsigned char address[16])
{
    const bool six = *text == '[';
    const char *end = six ? strchr(text, ']') : strrchr(text, ':');
    if (end == NULL)
        return false;
    char *host = memory_copy_part(text + six, (size_t)(end - text - six));
    const bool known = read_address(host, address) != 0;
    free(host);
    return known;
}

/* IPv4 is no part of ::/0, as little as IPv6 is one of 0.0.0.0/0. */
static bool fits_address(const struct rule *rule, const unsigned char address[16])
{
    if (rule->bits < MAPPED_BITS && memcmp(address, mapped, sizeof(mapped)) == 0)
        return false;
    const unsigned bytes = rule->bits / 8, rest = rule->bits % 8;
    return memcmp(rule->address, address, bytes) == 0 &&
           (rest == 0 || ((rule->address[bytes] ^ address[bytes]) & (0xff00u >> rest) & 0xffu) == 0);
}

/* ---- users and names --------------------------------------------------------------------------------------------- */

static char *read_uid(const char *text, struct rule *rule)
{
    char *end;
    const unsigned long number = strtoul(text, &end, 10);
    rule->user = (uint32_t)number;
    if (*text < '0' || *text > '9' || *end != '\0' || number >= UINT32_MAX)
        return memory_copy("expected a number behind 'uid:'");
    return NULL;
}

static char *read_user(const char *text, struct rule *rule)
{
    const struct passwd *user = getpwnam(text);
    rule->nobody = user == NULL;
    rule->user = user != NULL ? user->pw_uid : 0;
    return user != NULL ? NULL : memory_format("there is no user '%s' on this host", text);
}

static char *read_name(const char *text, struct rule *rule)
{
    rule->name = text;
    const char *star = strrchr(text, '*');
    if (*text == '\0' || (star != NULL && (star != text || text[1] != '.' || text[2] == '\0')))
        return memory_copy("expected a name behind 'name:', such as desk.example or *.example");
    return NULL;
}

static bool fits_name(const struct rule *rule, const char *name)
{
    if (*rule->name != '*')
        return strcasecmp(rule->name, name) == 0;
    const size_t tail = strlen(rule->name + 1), len = strlen(name);
    return len > tail && strcasecmp(name + len - tail, rule->name + 1) == 0;
}

/* ---- rules ------------------------------------------------------------------------------------------------------- */

static char *read_rule(const char *text, struct rule *rule)
{
    *rule = (struct rule){.kind = KIND_ADDRESS, .text = text};
    if (strncmp(text, "name:", 5) == 0) {
        rule->kind = KIND_NAME;
        return read_name(text + 5, rule);
    }
    if (strncmp(text, "uid:", 4) == 0 || strncmp(text, "user:", 5) == 0) {
        rule->kind = KIND_USER;
        return text[1] == 'i' ? read_uid(text + 4, rule) : read_user(text + 5, rule);
    }
    return read_network(text, rule);
}

char *access_rule_problem(const char *text)
{
    struct rule rule;
    return read_rule(text, &rule);
}

static struct rules read_rules(const struct config_texts *texts)
{
    struct rules rules = {.items = memory_zeroed((texts->count + 1) * sizeof(*rules.items)), .count = texts->count};
    for (size_t i = 0; i < texts->count; i++)
        free(read_rule(texts->items[i], &rules.items[i]));
    return rules;
}

struct access *access_new(const struct config_bridge *bridge)
{
    struct access *access = memory_zeroed(sizeof(*access));
    access->allow = read_rules(&bridge->allow);
    access->deny = read_rules(&bridge->deny);
    access->max_peers = bridge->max_peers;
    return access;
}

void access_free(struct access *access)
{
    if (access == NULL)
        return;
    free(access->allow.items);
    free(access->deny.items);
    free(access);
}

/* ---- judging ----------------------------------------------------------------------------------------------------- */

static bool is_known(const struct leat_visitor *visitor, enum kind kind)
{
    static const uint32_t known[KINDS] = {LEAT_VISITOR_ADDRESS, LEAT_VISITOR_USER, LEAT_VISITOR_NAMES};
    return (visitor->knows & known[kind]) != 0;
}

static bool fits(const struct rule *rule, const struct leat_visitor *visitor)
{
    unsigned char address[16];
    if (!is_known(visitor, rule->kind))
        return false;
    switch (rule->kind) {
    case KIND_ADDRESS:
        return address_of(visitor->address, address) && fits_address(rule, address);
    case KIND_USER:
        return !rule->nobody && rule->user == visitor->user;
    case KIND_NAME:
    case KINDS:
        break;
    }
    for (const char *const *name = visitor->names; *name != NULL; name++) {
        if (fits_name(rule, *name))
            return true;
    }
    return false;
}

static const struct rule *find(const struct rules *rules, const struct leat_visitor *visitor)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (fits(&rules->items[i], visitor))
            return &rules->items[i];
    }
    return NULL;
}

/* Names are asked for apart from where the peer comes from, and each of both has its own rules. */
static bool is_ruled(const struct rules *rules, const struct leat_visitor *visitor)
{
    const bool names = (visitor->knows & LEAT_VISITOR_NAMES) != 0;
    const bool place = (visitor->knows & (LEAT_VISITOR_ADDRESS | LEAT_VISITOR_USER)) != 0;
    for (size_t i = 0; i < rules->count; i++) {
        if (rules->items[i].kind == KIND_NAME ? names : place)
            return true;
    }
    return false;
}

/* Whom a rule for addresses might deny is not let in because nobody knows its address. */
static bool is_hidden(const struct rules *deny, const struct leat_visitor *visitor)
{
    unsigned char address[16];
    if (!is_known(visitor, KIND_ADDRESS) || address_of(visitor->address, address))
        return false;
    for (size_t i = 0; i < deny->count; i++) {
        if (deny->items[i].kind == KIND_ADDRESS)
            return true;
    }
    return false;
}

bool access_admits(const struct access *access, const struct leat_visitor *visitor, char *why, size_t why_size)
{
    const struct rule *denied = find(&access->deny, visitor);
    const bool full =
        access->max_peers > 0 && (visitor->knows & LEAT_VISITOR_PEERS) != 0 && visitor->peers >= access->max_peers;
    if (denied != NULL)
        snprintf(why, why_size, "deny = %s", denied->text);
    else if (is_hidden(&access->deny, visitor))
        snprintf(why, why_size, "its address is not known");
    else if (is_ruled(&access->allow, visitor) && find(&access->allow, visitor) == NULL)
        snprintf(why, why_size, "no rule of 'allow' fits");
    else if (full)
        snprintf(why, why_size, "max_peers = %u", access->max_peers);
    else
        return true;
    return false;
}
