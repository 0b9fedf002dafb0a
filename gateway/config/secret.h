/* A sentence about a secret value is made by someone who does not know that it is one, and may quote it. */
#ifndef LEAT_CONFIG_SECRET_H
#define LEAT_CONFIG_SECRET_H

/* `text`, or where it gives away a part of `value` a sentence that does not. */
const char *secret_safe(const char *value, const char *text);

#endif
