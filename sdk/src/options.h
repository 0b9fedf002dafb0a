/* Options as the caller gave them, made whole: defaults filled in, ranges checked, the capacity rounded up. */
#ifndef LEAT_OPTIONS_H
#define LEAT_OPTIONS_H

#include "layout.h"

#include <leat/channel.h>

#include <stdbool.h>

/* `given` may be NULL, or shorter or longer than what this library knows. -EINVAL with a sentence. */
int options_complete(struct leat_channel_options *options, const struct leat_channel_options *given);
int options_complete_reader(struct leat_reader_options *how, const struct leat_reader_options *given);

/* Whether an existing channel is what was asked for. -EEXIST with a sentence that says what is not. */
int options_agree(const struct leat_channel_options *options, const struct segment_header *header, const char *name);

#endif
