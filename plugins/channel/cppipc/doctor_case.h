/* What the doctor knows of one prefix: the files that are there, who has them mapped, what moves in the rings. Filled by doctor.c from
 * top to bottom, then judged by one file for each thing that may be wrong.
 *
 * Looking counts nobody and writes nothing. A process is only known by its mappings in /proc: what belongs to other users may be
 * hidden from us, and a container may share the segments without showing its processes. Where that is possible we are not
 * certain, and leave alone what would harm the living. */
#ifndef LEAT_CPPIPC_DOCTOR_CASE_H
#define LEAT_CPPIPC_DOCTOR_CASE_H

#include "cppipc/doctor.h"
#include "cppipc/ring.h"

#include <sys/types.h>

#define DOCTOR_PIDS 8 /* of a file that are named */
#define DOCTOR_TEXT 640
#define DOCTOR_WHO 256

enum doctor_part {
    DOCTOR_RING,
    DOCTOR_OBJECT, /* what else belongs to one channel */
    DOCTOR_POOL,
    DOCTOR_CA,
    DOCTOR_OURS /* leat-cppipc.* */
};

struct doctor_file {
    char file[CPPIPC_FILE_MAX];
    enum doctor_part part;
    char name[CPPIPC_FILE_MAX]; /* of the channel; "": it belongs to the prefix */
    enum cppipc_layout layout;  /* of a ring */
    uint64_t class_bytes;       /* of a pool */
    uint64_t device, inode, size;
    uid_t owner;
    mode_t mode;

    uint32_t mappings; /* by live processes that we can see: in a ring one for each handle */
    pid_t pids[DOCTOR_PIDS];
    uint32_t pid_count; /* may be more than DOCTOR_PIDS */
};

/* A ring, looked at twice. */
struct doctor_ring {
    struct doctor_file *file;
    struct segment segment;
    struct cppipc_ring *at; /* NULL: it cannot be opened */
    int error;
    char explain[DOCTOR_TEXT / 2];
    uint32_t write, connected, modified;
    uint64_t readers[CPPIPC_SLOTS];

    bool alive;        /* something happened in between */
    uint32_t moved;    /* receivers that read something */
    uint32_t pending;  /* bits that some slot waits for, connected or not */
    uint32_t holding;  /* receivers that the next slot waits for */
    unsigned by_route; /* slots as a route's sender writes them */
    unsigned by_channel;
};

struct doctor {
    const struct leat_host *host;
    const struct cppipc_options *options;
    const struct leat_examination *examination;
    struct cppipc_where where; /* its name is what was asked for; NULL: everything */
    struct doctor_file *files;
    size_t file_count, file_capacity;
    struct doctor_ring *rings;
    size_t ring_count;
    uint32_t hidden; /* processes that we may not look into */
    unsigned found;  /* findings that are not good */
};

/* ---- doctor_files.c, doctor_census.c ------------------------------------------------------------------------------- */

int doctor_list_files(struct doctor *doctor); /* 0 or -errno */
bool doctor_asks_for(const struct doctor *doctor, const struct doctor_file *file);
void doctor_count_mappings(struct doctor *doctor); /* may be called again */
bool doctor_sees_all(const struct doctor *doctor,
                     const struct doctor_file *file); /* nobody can use it whom we do not see */
bool doctor_is_unused(const struct doctor *doctor, const struct doctor_file *file); /* for certain */
char doctor_state_of(pid_t task); /* as in /proc/PID/stat; 0: there is no such process or thread */
/* "1234 (feeder), 1240 (display)" */
const char *doctor_who(const struct doctor_file *file, char text[DOCTOR_WHO]);

/* ---- telling (doctor.c) -------------------------------------------------------------------------------------------- */

struct doctor_subject {
    char text[CPPIPC_FILE_MAX + 128];
};
struct doctor_subject doctor_channel(const struct doctor *doctor, const char *name); /* "cppipc://quotes" */
struct doctor_subject doctor_path(const struct doctor *doctor, const char *file);

/* `remedy` may be NULL. */
__attribute__((format(printf, 7, 8))) void doctor_tell(struct doctor *doctor, enum leat_finding_grade grade,
                                                       enum leat_finding_repair repair, struct doctor_subject subject,
                                                       const char *code, const char *remedy, const char *format, ...);
/* POSSIBLE, or with --repair DONE or FAILED as `mend` says. */
enum leat_finding_repair doctor_mend(struct doctor *doctor, int (*mend)(struct doctor *doctor, void *of), void *of);

/* ---- judging ------------------------------------------------------------------------------------------------------- */

void doctor_judge_access(struct doctor *doctor);  /* sizes, owners, modes, memory */
void doctor_judge_records(struct doctor *doctor); /* leat-cppipc.* */
void doctor_judge_split(struct doctor *doctor, struct doctor_ring *ring);
void doctor_judge_leftovers(
    struct doctor *doctor); /* channels that nobody uses; what is removed has no name any more */
void doctor_judge_ring(struct doctor *doctor, struct doctor_ring *ring);
void doctor_judge_locks(struct doctor *doctor);
void doctor_judge_pools(struct doctor *doctor);
void doctor_judge_counter(struct doctor *doctor); /* CA, when nothing else is left */

/* How many bridges that live receive from it, and whether one of them is its sender. */
unsigned doctor_bridges(const struct doctor *doctor, const struct doctor_ring *ring, bool *one_sends);
/* Of bridges that were killed: they held bits that are going to be somebody else's. */
void doctor_forget_records(struct doctor *doctor, const struct doctor_ring *ring, uint32_t bits);
/* Nobody has the ring open and nobody will read what is in it. */
bool doctor_is_left(const struct doctor *doctor, const struct doctor_ring *ring);
/* Removes a file that nobody uses; its name is empty then. 0 or -errno. */
int doctor_remove(struct doctor *doctor, struct doctor_file *file);

#endif
