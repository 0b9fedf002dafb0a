/* How `leat sub` writes a message to standard output. */
#ifndef LEAT_CLI_CHANNEL_MESSAGE_FORMAT_H
#define LEAT_CLI_CHANNEL_MESSAGE_FORMAT_H

#include <leat/message.h>

enum message_format { FORMAT_TEXT, FORMAT_NUL, FORMAT_HEX, FORMAT_RAW, FORMAT_LENGTH_PREFIXED, FORMAT_JSON };

void message_write(const struct leat_message *message, enum message_format format);

#endif
