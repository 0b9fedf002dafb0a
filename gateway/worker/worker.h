/* The processes that run plugin code. Both are this binary, by exec, started by the supervisor or `leatd --check`:
 *
 *     leatd --worker=NAME   config snapshot on fd 3, the page on fd 4: loads plugins, runs the bridges of worker NAME
 *     leatd --checker       config snapshot on fd 3: loads plugins, validates all bridges, writes problems to fd 1
 */
#ifndef LEAT_WORKER_WORKER_H
#define LEAT_WORKER_WORKER_H

#define WORKER_CONFIG_FD 3
#define WORKER_PAGE_FD 4

enum worker_exit {
    WORKER_DRAINED = 0,     /* stopped as asked, everything in flight was finished */
    WORKER_STUCK = 70,      /* an engine or a lane no longer moves: start me again */
    WORKER_UNFINISHED = 75, /* stopped as asked, but not everything was finished in time */
    WORKER_CONFIG = 78      /* this configuration cannot run */
};

/* Both never return: they _exit, because no engine's clean-up can be waited for. */
_Noreturn void worker_main(const char *name);

/* Writes lines of words to fd 1, what follows the first word separated by tabs:
 *
 *     loading FILE               before a plugin is loaded
 *     judging FILE LINE NAME     before the plugins of bridge NAME are asked
 *     problem FILE LINE TEXT     what is wrong; FILE is "-" where none is to blame
 *     warning FILE LINE TEXT     what is worth a look
 *     secret SECTION KEY         a key whose value is never shown (config_mark_secret)
 *     done                       at its end; without it nobody is content
 *
 * Exit status 0 or 78. */
_Noreturn void checker_main(void);

#endif
