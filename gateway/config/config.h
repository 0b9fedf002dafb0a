/* The configuration as a gateway uses it: read from an INI file and its conf.d drop-ins by iniparser, with the place of
 * every value kept, expanded (${env:}, ${file:}), checked for everything that needs no plugin.
 *
 *     file -> config_load -> struct config -> memfd -> worker: config_receive -> the same struct config
 *
 * Supervisor and workers therefore see one and the same snapshot, whatever happens to the files meanwhile. */
#ifndef LEAT_CONFIG_CONFIG_H
#define LEAT_CONFIG_CONFIG_H

#include "config/problem.h"

#include <leat/plugin/option.h>

#include <stdbool.h>
#include <stdint.h>

/* One `key = value` with its place. What a bridge takes from another section by `like` is an entry of its own, with the place where
 * it is written. No text is NULL. */
struct config_entry {
    char *section, *key; /* lower case, as iniparser makes them */
    char *value;         /* expanded */
    char *written;       /* as it stands in the file, before ${env:} and ${file:} were put in */
    char *origin;        /* the section that it stands in: `section`, or the template or bridge that this one is like */
    char *file;
    unsigned line;
    bool secret;     /* from ${file:}, or of a key whose row is LEAT_OPTION_SECRET: never show it, see config_shown */
    bool secret_key; /* the latter: what is written may be the secret itself */
    bool doubtful;   /* a problem was reported for this value already; look no closer at it */
};

enum config_direction { CONFIG_OUT = 1, CONFIG_IN = 2, CONFIG_BOTH = 3 };

struct config_url {
    char *text, *scheme, *rest; /* "tcp://h:p", "tcp", "h:p" */
};

struct config_urls {
    struct config_url *items;
    size_t count;
};

struct config_texts {
    char **items;
    size_t count;
};

struct config_bridge {
    char *name;    /* "quotes" of [bridge.quotes] */
    char *section; /* "bridge.quotes" */
    char *worker;  /* the worker that runs it: `worker =`, or the bridge's own name */
    char *pattern;
    enum config_direction direction;
    struct config_urls channels, listen, dial;
    struct config_urls reply;        /* `reply_channel`: none or one */
    struct config_texts allow, deny; /* rules of access.h */
    uint32_t max_peers;              /* 0: any number */
    uint64_t receive_limit_bytes;    /* `receive_limit`, default 64MiB: largest message taken from the network */
    char *file;                      /* of its section */
    unsigned line;
};

struct config_gateway {
    char *name;              /* default "leat"; [a-z0-9._-]+ */
    char *plugin_dir;        /* `plugin_dir`, $LEAT_PLUGIN_DIR, or the installed one */
    uint32_t log_level;      /* enum leat_log_level; `log_level = error|warning|info|debug` */
    int64_t drain_ns;        /* `drain_timeout`, default 5s: how long a stop waits for messages in flight */
    int64_t stall_ns;        /* `stall_timeout`, default 5s: a lane silent for so long is restarted */
    int64_t backoff_min_ns;  /* `restart_min`, default 100ms */
    int64_t backoff_max_ns;  /* `restart_max`, default 10s */
    uint32_t worker_threads; /* `worker_threads`, default 0 = by cores, at most 4: bound on nng's pools in a worker */
    char *admin;             /* `admin`: where the admin side listens, "http://127.0.0.1:9464"; "": nowhere */
    char *admin_token;       /* `admin_token`: what its clients show; "": none */
    char *control;           /* `control`: path of the socket that takes orders; "": where such sockets are; "off" */
    char *control_group;     /* `control_group`: who may use it beside the user; "": nobody */
    uint32_t control_mode;   /* `control_mode`: its permission bits */
};

/* A `[section]` with the place where it was opened first. */
struct config_section {
    char *name, *file;
    unsigned line;
};

struct config {
    struct config_gateway gateway;
    struct config_bridge *bridges;
    size_t bridge_count;
    struct config_entry *entries; /* all of them, for plugin options */
    size_t entry_count;
    struct config_section *sections;
    size_t section_count;
};

/* Reads `path` and the drop-ins in the folder conf.d beside it (*.ini, in byte order); a later file overrides. Everything found wrong is added to
 * `problems`; returns NULL then. Free with config_free, which accepts NULL. */
struct config *config_load(const char *path, struct problems *problems);

/* The same, but returns what could be understood also when there are problems, so that a check goes on to the plugins and reports
 * everything in one run; NULL only when `path` cannot be read. Entries with a problem are marked doubtful. With problems it is good
 * for resolve_bridge and nothing else. */
struct config *config_read(const char *path, struct problems *problems);
void config_free(struct config *config);

/* Hands the snapshot to another process of the same binary through a sealed memfd. A descriptor, or -errno. */
int config_send(const struct config *config);
/* Reads it back; NULL when it is not what config_send wrote. */
struct config *config_receive(int fd);

/* The entry for a key, or NULL. */
const struct config_entry *config_find(const struct config *config, const char *section, const char *key);

/* What may be shown of its value: the value, or "(secret)". */
const char *config_shown(const struct config_entry *entry);

/* What was written for it, "${file:word}", where that may be shown: not when the secret itself stands there. NULL otherwise. */
const char *config_shown_written(const struct config_entry *entry);

/* The key's row says that its value is secret: marks the entry, and with it all that stand in the same place. */
void config_mark_secret(struct config *config, const char *section, const char *key);

/* Keys and sections whose names start with "x-" are the user's own. */
bool config_is_users(const char *name);

/* The section of that name, or NULL. */
const struct config_section *config_find_section(const struct config *config, const char *name);

/* Every distinct worker name, in order of first appearance. Index 0..count-1; NULL past the end. */
const char *config_worker(const struct config *config, size_t index);

#endif
