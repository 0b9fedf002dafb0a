/* The page as a file: what making one and looking at one have in common. */
#ifndef LEAT_BASE_PAGE_FILE_H
#define LEAT_BASE_PAGE_FILE_H

#include "base/page.h"

#define PAGE_FILE_PREFIX "leat-gateway."

/* NULL or "": $LEAT_SHM_DIR, or /dev/shm. */
const char *page_file_directory(const char *directory);

/* 0, or -EINVAL or -ENAMETOOLONG for a name that no gateway can have. */
int page_file_path(char *path, size_t size, const char *directory, const char *name);

size_t page_file_bytes(size_t bridge_capacity);

/* Compares what the header says with what the file is, without touching a mapping. 0, -EBADMSG, -EPROTO (another version). */
int page_file_check(int fd);

/* Maps the whole file, with at least `reserve` bytes of addresses for its growth; on success the descriptor belongs to *map. */
int page_file_map(struct page_map *map, int fd, int protection, size_t reserve);

/* The lock that says that a supervisor lives: held by its open file description alone, so the kernel drops it with the process.
 * Locking gives 0, or -EBUSY when somebody has it. */
int page_file_lock(int fd);
bool page_file_is_locked(int fd);

/* The same, but without being misled by a dead supervisor's child that was not exec'ed yet and shares the lock until then: it
 * waits for that one's end, a second at most. */
bool page_file_is_held(int fd);

#endif
