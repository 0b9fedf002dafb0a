/* A supervisor as a process of its own, with fake workers (tests/support/fake_worker.c), and what it says and shows. */
#ifndef TESTS_UNIT_SUPERVISOR_RIG_H
#define TESTS_UNIT_SUPERVISOR_RIG_H

#include "base/page.h"
#include "config/config.h"
#include "shm_folder.h"

#include <signal.h>
#include <stdbool.h>

/* Workers of these roles, NULL-terminated, one bridge each, named like the worker. "a/b": bridge a of worker b. */
void rig_start(const char *const *bridges);

/* Change before rig_start; it fills in the names. */
#define BRIDGES_MAX 8
extern struct config rig_config;
extern struct config_bridge rig_bridges[BRIDGES_MAX];

/* Its page, mapped when it is there, and a bridge on it. */
struct page *rig_page(void);
struct page_bridge *rig_bridge(const char *name);
bool rig_runs(const char *bridge);    /* in state running, with a worker */
pid_t rig_worker(const char *bridge); /* its worker's process, 0: none */
bool rig_process_lives(pid_t pid);
void rig_kill_worker(const char *bridge); /* SIGKILL, and waits until the supervisor knows */

void rig_signal(int number);
int rig_wait(void);              /* its exit status; -SIGNAL when it was killed */
bool rig_said(const char *text); /* in its log so far */

void rig_open(void); /* .init and .fini of the suite */
void rig_close(void);

#endif
