/* A line of an INI file written so that the scanner and iniparser read exactly that again. */
#ifndef LEAT_CONFIG_INI_WRITE_H
#define LEAT_CONFIG_INI_WRITE_H

/* "key = value ; comment", the value in quotes where it needs them; `comment` may be NULL. To be freed. NULL: no line can say it
 * (it is too long, has a newline, both kinds of quotes, ...), or none with that comment. */
char *ini_write_entry(const char *key, const char *value, const char *comment);

#endif
