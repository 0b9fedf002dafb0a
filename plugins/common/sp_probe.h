/* Whether nng still works in this process, by trying. In nng up to 1.5 a peer that disconnects at the wrong moment can leave
 * its reaper thread waiting for ever; from then on no pipe is ever freed and every nng_close hangs. */
#ifndef LEAT_SP_PROBE_H
#define LEAT_SP_PROBE_H

#include <leat/plugin/host.h>

/* As leat_transport_ops.probe: looks for connections that nng has forgotten (sp_forgotten.h), and connects two sockets inside this
 * process and closes them, on a thread of its own that is abandoned when it does not end in time; in time is what this process had
 * of it. After one -ETIMEDOUT every later call fails at once until that thread ends. */
int32_t sp_probe(const struct leat_host *host, int64_t timeout_ns);

#endif
