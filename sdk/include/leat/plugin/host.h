/* What a plugin gets from its host: a table of services. Its functions may be called from any thread. */
#ifndef LEAT_PLUGIN_HOST_H
#define LEAT_PLUGIN_HOST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* For leat_host.log. */
enum leat_log_level { LEAT_LOG_ERROR = 0, LEAT_LOG_WARNING = 1, LEAT_LOG_INFO = 2, LEAT_LOG_DEBUG = 3 };

/* One for each instance of a plugin: each channel, pattern and endpoint of a bridge gets its own, which stays valid as long as the
 * instance. */
struct leat_host {
    uint32_t size;
    uint32_t minor; /* of the interface that the host speaks */
    void *context;  /* hand it back as the first argument of every service */

    /* One line in the gateway's log, with the bridge's and the plugin's name before it. Never once per message. */
    void (*log)(void *context, int32_t level, const char *text);

    /* Blames an option of this plugin: the host adds file, line, section and value ("must not exceed burst"). `option` is
     * the name in the plugin's table, or a key of the bridge ("channel", "listen", "dial"). Only inside check(). */
    void (*blame)(void *context, const char *option, const char *text);

    /* Nanoseconds of CLOCK_MONOTONIC. */
    int64_t (*now_ns)(void *context);
};

#ifdef __cplusplus
}
#endif
#endif
