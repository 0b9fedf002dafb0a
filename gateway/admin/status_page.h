/* The status page: one HTML document that asks /api/v1 and nothing else. Made of the files in page/ when leat is built. */
#ifndef LEAT_ADMIN_STATUS_PAGE_H
#define LEAT_ADMIN_STATUS_PAGE_H

#include <stddef.h>

extern const unsigned char status_page[];
extern const size_t status_page_bytes;

#endif
