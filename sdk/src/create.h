/* Building a new segment aside and linking it into place. */
#ifndef LEAT_CREATE_H
#define LEAT_CREATE_H

#include <leat/channel.h>

/* `options` are complete. 0; -EEXIST when somebody was faster (their segment is whole: attach to it); -ENOSPC and others
 * with a sentence, nothing left behind. */
int segment_create(const char *path, const char *directory, const struct leat_channel_options *options);

#endif
