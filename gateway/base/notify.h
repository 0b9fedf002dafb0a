/* What the service manager is told: ready, reloading, stopping, alive, and a line of status for people. The protocol of sd_notify(3),
 * a datagram to $NOTIFY_SOCKET; without that variable everything here does nothing. From one thread. */
#ifndef LEAT_BASE_NOTIFY_H
#define LEAT_BASE_NOTIFY_H

#include <stdint.h>

/* Takes $NOTIFY_SOCKET and $WATCHDOG_USEC out of the environment: what this process starts has no business with them. */
void notify_open(void);
void notify_close(void);

/* Serving, for the first time or again after a reload; about to reload; about to stop. */
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

/* What `systemctl status` shows. Sent only when it is another than the last one. */
__attribute__((format(printf, 1, 2))) void notify_status(const char *format, ...);

/* How often the manager wants a sign of life at least; 0: it wants none. */
int64_t notify_watchdog_ns(void);
void notify_alive(void);

#endif
