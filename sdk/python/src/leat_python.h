/* What the files of the extension module share. It is thin: a type here is a handle of libleat plus what Python needs to use it
 * safely.
 *
 *     module.c     the module, its functions      reader.c     Reader          loan.c    Loan: a borrowed message, in place
 *     errors.c     codes to exceptions            writer.c     Writer          claim.c   Claim: a message in the making, in place
 *     arguments.c  arguments to options           message.c    Message         lent.c    what Loan and Claim share
 *     handle.c     what those have in common
 *     waiter.c     waiting for many readers       requester.c, replier.c       Requester, Replier
 *
 * Threads: everything here runs with the GIL, which is let go of while a call waits or copies much. Whoever lets go of it has marked
 * its object as in use (struct handle); others are refused meanwhile, and a close is left to the user. Objects live in one
 * interpreter: types and exceptions are process-wide, and the module refuses to be imported into a second one. */
#ifndef LEAT_PYTHON_H
#define LEAT_PYTHON_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <structmember.h>

#include <leat/channel.h>
#include <leat/request.h>

#include <stdbool.h>
#include <stdint.h>

/* A wait is looked after that often: signals are handled, and a close from another thread is seen. */
#define SLICE_NS INT64_C(100000000)

/* So many bytes are copied without the GIL: others gain more than the hand-over costs. */
#define UNLOCKED_COPY (256 * 1024)

/* Types and exceptions, filled by module.c and errors.c. */
extern PyTypeObject *message_type, *loan_type, *claim_type, *reader_type, *writer_type, *waiter_type, *requester_type,
    *replier_type;

/* ---- errors.c: every function here sets an exception and returns NULL or -1 ---------------------------------------- */

int errors_init(PyObject *module);

/* The exception of a libleat code, with its sentence; `channel` is its filename, or NULL. */
PyObject *fail(int code, PyObject *channel);
int fail_int(int code, PyObject *channel);

/* The same with what exactly was wrong: leat_error_text(). For opening, inspecting, removing. */
PyObject *fail_opening(int code, PyObject *channel);

/* Whether the exception that is set is that of this code. */
bool fails_as(int code);

/* Gives the exception that is set an attribute. */
void tell(const char *attribute, uint64_t value);

/* ---- arguments.c -------------------------------------------------------------------------------------------------- */

/* Positional and keyword arguments of a METH_FASTCALL | METH_KEYWORDS function into out[], NULL where there is none. */
struct signature {
    const char *function;
    const char *const *names;
    Py_ssize_t count, required;
};
int take_arguments(const struct signature *signature, PyObject *const *args, Py_ssize_t positional, PyObject *keywords,
                   PyObject **out);

#define SIGNATURE(variable, function_, required_, ...)                                                     \
    static const char *const variable##_names[] = {__VA_ARGS__};                                           \
    static const struct signature variable = {.function = function_,                                       \
                                              .names = variable##_names,                                   \
                                              .count = sizeof variable##_names / sizeof *variable##_names, \
                                              .required = required_}

#define FAST(function) ((PyCFunction)(void (*)(void))(function))
#define FASTCALL (METH_FASTCALL | METH_KEYWORDS)

/* Seconds, or None (or no argument) for ever. */
int take_timeout(PyObject *argument, int64_t *timeout_ns);

/* The same where a limit has to be: -1 with an exception for None. */
int take_limit(PyObject *argument, const char *name, int64_t *limit_ns);

int take_u64(PyObject *argument, const char *name, uint64_t *value);

/* The bytes of any contiguous buffer. A bytes object is taken without a call to its exporter; then view->obj is NULL. */
struct bytes {
    const void *data;
    size_t len;
    Py_buffer view;
};
int bytes_take(PyObject *argument, struct bytes *bytes);
void bytes_drop(struct bytes *bytes);

/* The keyword arguments that say what a channel is, for PyArg_ParseTupleAndKeywords: CHANNEL_FORMAT, CHANNEL_KEYWORDS,
 * CHANNEL_TARGETS(&channel). None where there is nothing: then what is there is taken as it is. */
struct channel_arguments {
    const char *policy, *producers;
    PyObject *capacity, *mode, *group, *reader_slots, *writer_slots, *wait_readers, *directory;
};
#define CHANNEL_FORMAT "zzOOOOOOO"
#define CHANNEL_KEYWORDS \
    "policy", "producers", "capacity", "mode", "group", "reader_slots", "writer_slots", "wait_readers", "directory"
#define CHANNEL_TARGETS(c)                                                                                          \
    &(c)->policy, &(c)->producers, &(c)->capacity, &(c)->mode, &(c)->group, &(c)->reader_slots, &(c)->writer_slots, \
        &(c)->wait_readers, &(c)->directory

/* *directory is a bytes object that options->directory points into, or NULL; free it after the open. Properties that are not asked
 * for become those of the channel that is there, if one is. */
int take_channel(const struct channel_arguments *arguments, const char *name, struct leat_channel_options *options,
                 PyObject **directory);

/* A directory argument alone: *path is NULL for None. */
int take_directory(PyObject *argument, PyObject **path);

/* ---- handle.c: what Reader, Writer, Requester and Replier have in common ------------------------------------------- */

struct handle {
    PyObject object;
    const char *what; /* "reader": for sentences                                         */
    void (*close_now)(struct handle *handle);
    PyObject *name;      /* of the channel; of the requests'                                */
    bool open;           /* libleat's handle is there                                       */
    bool in_use;         /* a call that has let go of the GIL has it                        */
    bool closing;        /* closed meanwhile: whoever uses it closes it at its end          */
    unsigned generation; /* of the process: a forked child must not use its parent's        */
    uint32_t *doorbell;  /* that the current call listens to; NULL: it looks now and then   */
};

/* A new object, not open yet, that is closed by `close_now`: only ever called while nobody is in a call. */
void *handle_new(PyTypeObject *type, const char *name, const char *what, void (*close_now)(struct handle *));

/* libleat's handle is there now. */
void handle_opened(struct handle *handle);

/* 0, or -1 with an exception: closed, in use, or the parent process's. */
int handle_check(const struct handle *handle);

/* True when this process is the one that opened it. */
bool handle_is_ours(const struct handle *handle);

/* Closes now. Harmless when closed. */
void handle_close_now(struct handle *handle);

/* After a part of a call without the GIL: no longer in use, and closed if that was asked for. */
void handle_back(struct handle *handle);

/* The same where the call would go on: signals are handled. 0, or -1 with an exception. */
int handle_go_on(struct handle *handle);

/* The end of a type's dealloc. */
void handle_free(struct handle *handle);

PyObject *handle_close(PyObject *self, PyObject *unused);
PyObject *handle_enter(PyObject *self, PyObject *unused);
PyObject *handle_leave(PyObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *handle_get_name(PyObject *self, void *unused);
PyObject *handle_get_closed(PyObject *self, void *unused);
PyObject *handle_repr(PyObject *self);
PyObject *itself(PyObject *self, PyObject *unused);

#define HANDLE_GETTERS                                                                          \
    {"name", handle_get_name, NULL, PyDoc_STR("str: the channel's name."), NULL},               \
    {                                                                                           \
        "closed", handle_get_closed, NULL, PyDoc_STR("bool: whether close() was called."), NULL \
    }

/* CLOCK_MONOTONIC nanoseconds at which a wait ends, INT64_MAX: never. */
int64_t end_of(int64_t timeout_ns);

/* What is left of it, at most SLICE_NS. */
int64_t slice_until(int64_t end_ns);

/* ---- message.c, lent.c --------------------------------------------------------------------------------------------- */

int message_init(PyObject *module);

/* Takes `data` over, also when it fails. */
PyObject *message_new(PyObject *data, const struct leat_message *message);

/* cursor and sequence of a Message or Loan. */
int message_place(PyObject *object, uint64_t *cursor, uint64_t *sequence);

/* ---- the types ----------------------------------------------------------------------------------------------------- */

struct reader {
    struct handle base;
    struct leat_reader *handle;
    struct loan *loan; /* the one that is out; it holds us, we do not hold it */
    uint32_t bell;
};

int reader_init(PyObject *module);

struct writer {
    struct handle base;
    struct leat_writer *handle;
    struct claim *claim; /* the one that is open; it holds us, we do not hold it */
};

int writer_init(PyObject *module);

/* Memory of a channel that Python objects look into. It stays mapped as long as this object lives, which every buffer taken from
 * it holds. */
struct lent {
    PyObject object;
    PyObject *owner;  /* Reader or Writer                               */
    PyObject *memory; /* the memoryview given out as .data, while open   */
    struct leat_mapping *mapping;
    void *data;
    size_t len;
    bool open;
    bool readonly;
};

/* What a new one starts with. */
void lent_fill(struct lent *lent, PyObject *owner, struct leat_mapping *mapping, void *data, size_t len, bool readonly);
PyObject *lent_data(PyObject *self, void *closure);

/* The loan is over: the memoryview is released, unless an array still looks through it, which then keeps the memory. */
void lent_end(struct lent *lent);
int lent_traverse(PyObject *self, visitproc visit, void *arg);
int lent_clear(PyObject *self);
int lent_getbuffer(PyObject *self, Py_buffer *view, int flags);
void lent_free(struct lent *lent);

struct loan {
    struct lent lent;
    struct leat_message message;
};

int loan_init(PyObject *module);
PyObject *loan_new(struct reader *reader, const struct leat_message *message);

/* Gives the message back: a code of leat_release. Harmless when that was done. */
int loan_give_back(struct loan *loan);

struct claim {
    struct lent lent;
    uint64_t tag;
    uint64_t size; /* to be published, at most lent.len */
};

int claim_init(PyObject *module);
PyObject *claim_new(struct writer *writer, void *data, size_t len, uint64_t tag);
void claim_give_up(struct claim *claim);

int waiter_init(PyObject *module);

/* Waits with the GIL released until one of them is ready (1), the doorbell rang (1) or the time is over (0). -1: exception. */
int wait_for_readers(struct reader *const *readers, size_t count, uint32_t *doorbell, int64_t end_ns);

int requester_init(PyObject *module);
int replier_init(PyObject *module);

#endif
