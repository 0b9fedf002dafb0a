/* The control socket: where `leat reload`, `leat plan` and `leat config` ask the gateway, a line of JSON for a line of JSON.
 *
 *     {"do": "reload"} | {"do": "plan"} | {"do": "config"}   ->   {"event": ...} lines, then {"done": true, "ok": ...}
 *
 * A client that sends nonsense gets an answer that says so; one that reads too slowly, or sends a line without end, is let go. Nobody is waited
 * for. leatd(8) describes the lines. */
#ifndef LEAT_SUPERVISOR_CONTROL_H
#define LEAT_SUPERVISOR_CONTROL_H

#include "supervisor/reload.h"

struct control;

/* Listens where the configuration says, or else where the user's sockets are: $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/leat or, for root,
 * /run/leat. 0, with *control NULL where it is off or there is no such place; -errno with a sentence in `explain`. */
int control_open(struct control **control, const struct config_gateway *gateway, struct reload *reload, char *explain,
                 size_t explain_size);
void control_close(struct control *control); /* removes the socket; NULL is fine */

const char *control_path(const struct control *control); /* "": there is none */

/* Readable whenever control_turn() has something to do; -1: there is none. */
int control_fd(const struct control *control);
void control_turn(struct control *control);

#endif
