"""Remote peers that vanish under load do not stop a bridge: one that stays goes on receiving. Its longest silence is noted; what a
second is for people depends on the machine, and a lost SYN alone is sent again only after one."""

import os
import random
import signal
import subprocess
import threading
import time

import pytest

from sp import PULL, SUB, Connection
from support import note, tcp, wait_until

TIMES = int(os.environ.get("LEAT_PEER_KILLS", "1000"))
RATE = 3000
NOT_STOPPED = 5.0  # seconds: no pause of a bridge that works is longer, however busy the machine


class Faithful:
    """The peer that stays: dials again when the bridge goes away, and keeps the longest silence it met."""

    def __init__(self, url, protocol):
        self.url, self.protocol = url, protocol
        self.last, self.longest, self.connections, self.messages = None, 0.0, 0, 0
        self.ended = False
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while not self.ended:
            try:
                connection = Connection.dial(self.url, self.protocol)
                self.connections += 1
                for _ in connection.messages():
                    self._arrived(time.monotonic())
            except OSError:
                time.sleep(0.01)

    def _arrived(self, now):
        if self.last is not None:
            self.longest = max(self.longest, now - self.last)
        self.last = now
        self.messages += 1


def vanish_at_once(url, protocol):
    """In the handshake or just after it, with a reset."""
    Connection.dial(url, protocol).vanish()


def vanish_while_receiving(url, protocol):
    connection = Connection.dial(url, protocol)
    for count, _ in enumerate(connection.messages()):
        if count >= random.randrange(50):
            break
    connection.vanish()


def be_killed(url, protocol):
    """A real program, by SIGKILL in the middle of its work."""
    kind = "--sub" if protocol == SUB else "--pull"
    cat = subprocess.Popen(["nngcat", kind, "--dial", url, "--raw"], stdout=subprocess.PIPE)
    cat.stdout.read(1)
    os.kill(cat.pid, signal.SIGKILL)
    cat.wait()
    cat.stdout.close()


WAYS = [vanish_at_once] * 3 + [vanish_while_receiving] * 5 + [be_killed] * 2


@pytest.mark.parametrize(
    "pattern, protocol, scheme, times",
    [("pubsub", SUB, "tcp", TIMES // 2), ("pipeline", PULL, "tcp", TIMES // 2), ("pubsub", SUB, "ipc", TIMES // 10)],
    ids=["pub-tcp", "push-tcp", "pub-ipc"],
)
def test_vanishing_peers_do_not_stop_a_bridge(house, gateway, pattern, protocol, scheme, times):
    url = tcp() if scheme == "tcp" else house.ipc("peers")
    policy = "block" if pattern == "pipeline" else "overwrite"
    house.produce("load", "--policy", policy, "--sizes", "8-256", "--rate", RATE)
    running = gateway(f"""
        [bridge.load]
        pattern = {pattern}
        direction = out
        channel = shm://load
        listen = {url}
        """)
    stays = Faithful(url, protocol)
    wait_until(lambda: stays.messages, "the first message arrives")

    random.seed(1)
    refused = 0
    for _ in range(times):
        try:
            random.choice(WAYS)(url, protocol)
        except OSError:  # it met a worker that was just starting again
            refused += 1
            time.sleep(0.01)

    before = stays.messages
    wait_until(lambda: stays.messages > before + RATE // 10, "the bridge still moves")
    restarts = running.bridge("load")["restarts"]
    note(
        f"{pattern} over {scheme}: {times} peers vanished ({refused} found nobody listening), longest silence "
        f"{stays.longest:.3f} s, {stays.messages} messages, {restarts} restarts of the worker"
    )
    stays.ended = True
    assert stays.longest < NOT_STOPPED
    running.wait_for_peers("load", 1)
    assert running.stop() in (0, 75)
