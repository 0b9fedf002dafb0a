/* Topic prefixes: what the option says, made into one prefix for each channel. */
#ifndef LEAT_PUBSUB_PREFIX_H
#define LEAT_PUBSUB_PREFIX_H

#include <leat/plugin/pattern.h>

#include <stdbool.h>
#include <stddef.h>

/* The length of a list that ends with NULL, of prefixes or topics; 0 for NULL. */
size_t prefixes_count(const char *const *list);

/* A prefix written with %c for the channel's name and %% for a percent sign. NULL when memory is out or when another sign
 * follows a percent sign. The caller frees it. */
char *prefix_expand(const char *text, const char *channel);

/* One prefix for each channel of the bridge, NULL-terminated; "" where none is configured. NULL: as prefix_expand, or there
 * are neither none, one, nor as many as channels. */
char **prefixes_make(const struct leat_bridge_view *bridge, const char *const *configured);
void prefixes_free(char **prefixes); /* accepts NULL and a half-built list */

/* Every prefix followed by every topic, NULL-terminated; a missing list of topics is one empty topic. NULL: out of memory. */
char **prefixes_with_topics(char *const *prefixes, const char *const *topics);

bool prefix_starts(const char *prefix, size_t prefix_len, const void *data, size_t len);

#endif
