/* One logical line of an INI file taken apart. Each function returns NULL, or a sentence (of its own, to be freed) that says
 * what is wrong; the outputs then hold the likeliest meaning, or NULL where there is none. */
#ifndef LEAT_CONFIG_INI_LINE_H
#define LEAT_CONFIG_INI_LINE_H

/* "[name]" without blanks around it. *name is allocated. */
char *ini_line_section(const char *line, char **name);

/* "key = value" without blanks around it. *key and *value are allocated; both NULL when there is no key. */
char *ini_line_entry(const char *line, char **key, char **value);

/* Whether iniparser takes it for a blank. */
int ini_line_blank(char c);

#endif
