/* Every struct that crosses between a plugin and its host, in the signature of one function, so that its layout stands in the debugging
 * information of a shared object: tests/check/abi compares it with the last release's. */
#include <leat/plugin/channel.h>
#include <leat/plugin/pattern.h>
#include <leat/plugin/plugin.h>
#include <leat/plugin/transport.h>

LEAT_EXPORT void leat_plugin_structs(const struct leat_plugin *plugin, const struct leat_option *option,
                                     const struct leat_host *host, const struct leat_channel_ops *channel,
                                     const struct leat_pattern_ops *pattern,
                                     const struct leat_transport_ops *transport);

void leat_plugin_structs(const struct leat_plugin *plugin, const struct leat_option *option,
                         const struct leat_host *host, const struct leat_channel_ops *channel,
                         const struct leat_pattern_ops *pattern, const struct leat_transport_ops *transport)
{
    (void)plugin, (void)option, (void)host, (void)channel, (void)pattern, (void)transport;
}
