"""A worker killed under load: its bridge is back at its durable cursor, and the other bridges have not noticed."""

import os
import random
import signal
import socket
import threading
import time

from killing import Load, assert_back_within_a_second, kill_under_load, report
from sp import PULL, PUSH, Connection
from stream import Stream, number_of
from support import note, tcp, wait_until

TIMES = int(os.environ.get("LEAT_KILLS", "200"))


def test_a_killed_worker_loses_nothing_and_disturbs_nobody(house, gateway):
    victim, other = Load(house, "victim"), Load(house, "bystander")
    running = gateway(victim.section() + other.section())
    other.wait_for_progress()
    bystander = running.bridge("bystander")["worker_pid"]

    def kill():
        os.kill(running.bridge("victim")["worker_pid"], signal.SIGKILL)

    away = kill_under_load(victim, kill, TIMES)

    report("worker killed", away)
    sent, again = victim.finish()
    note(f"{sent} messages, none lost, {again} came again")
    other_sent, other_again = other.finish()
    assert other_again == 0 and len(other.receiver.arrivals) == 1, "the other bridge noticed"
    assert running.bridge("bystander")["worker_pid"] == bystander
    assert running.bridge("bystander")["restarts"] == 0
    assert running.bridge("victim")["restarts"] == TIMES
    [lane] = running.wait_for_balance("victim")
    assert lane["forwarded"] + lane["returned"] >= sent
    [lane] = running.wait_for_balance("bystander")
    assert lane["read"] == lane["forwarded"] == other_sent
    assert_back_within_a_second(away)


def test_a_worker_killed_while_its_peer_is_slow_loses_nothing(house, gateway):
    """Full pipes: at every instant some message is half written."""
    load = Load(house, "slow", sizes=(200_000, 300_000), rate=0, pause=0.001)
    running = gateway(load.section())

    def kill():
        os.kill(running.bridge("slow")["worker_pid"], signal.SIGKILL)

    away = kill_under_load(load, kill, max(2, TIMES // 8))

    report("worker of a slow peer killed", away)
    sent, again = load.finish()
    note(f"{sent} messages, none lost, {again} came again")


def test_without_a_stored_position_what_a_killed_worker_held_is_dropped_and_not_returned(house, gateway):
    """A peer that takes nothing: the lane's window of 64 messages is full, and the channel keeps no position for them."""
    url = tcp()
    house.produce("volatile", "--sizes", "60000-65000", "--rate", 2000)
    running = gateway(f"""
        [bridge.volatile]
        pattern = pipeline
        direction = out
        channel = shm://volatile
        listen = {url}
        shm.durable = no
        """)
    deaf = Connection.dial(url, PULL)
    forwarded = lambda: running.lane("volatile")["forwarded"]  # noqa: E731
    wait_until(lambda: running.lane("volatile")["in_flight"] == 64, "the window is full")
    wait_until(lambda: forwarded() == (time.sleep(0.3), forwarded())[1], "nothing moves")

    os.kill(running.bridge("volatile")["worker_pid"], signal.SIGKILL)

    wait_until(lambda: running.bridge("volatile")["restarts"] == 1, "the worker is started again")
    lane = running.lane("volatile")
    assert lane["dropped"]["error"] == 64 and lane["returned"] == 0 and lane["balanced"], lane
    assert "; 64 from the channel are lost; starting it again" in running.log()
    deaf.close()


class Pusher:
    """A remote program that pushes the stream's messages, and goes on with the next one whenever it could connect again."""

    def __init__(self, url, stream):
        self.url, self.stream = url, stream
        self.next = 0
        self.ended = False
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while not self.ended:
            try:
                connection = Connection.dial(self.url, PUSH)
                while not self.ended:
                    connection.send(self.stream.message(self.next))
                    self.next += 1
                    time.sleep(0.0002)
            except OSError:
                time.sleep(0.01)


def test_a_worker_killed_while_it_receives_leaves_a_whole_channel(house, gateway):
    """Inward: what the worker had in its hands is lost, as with any puller that dies. What is in the channel is whole, in order
    and there once; the reader at the other end waits and goes on; and the books know what was lost."""
    url, stream = tcp(), Stream(seed=7, sizes=(8, 1024))
    running = gateway(f"""
        [bridge.inward]
        pattern = pipeline
        direction = in
        channel = shm://inward
        listen = {url}
        shm.policy = block
        """)
    reader = house.reader("inward")
    pusher = Pusher(url, stream)

    def read_after(last):
        data, _ = reader.read()
        number = number_of(data)
        assert number > last and stream.matches(number, data), f"{number} after {last}"
        return number

    last, away = -1, []
    for turn in range(1, TIMES // 4 + 1):
        for _ in range(random.randrange(1, 50)):
            last = read_after(last)
        os.kill(running.bridge("inward")["worker_pid"], signal.SIGKILL)
        killed = time.monotonic()
        wait_until(lambda turn=turn: running.bridge("inward")["restarts"] == turn, "the worker is started again")
        pushed = pusher.next
        while last < pushed:  # until something came that was pushed since
            last = read_after(last)
        away.append(time.monotonic() - killed)
    pusher.ended = True
    report("worker killed while it receives", away)
    [lane] = running.bridge("inward")["lanes"]
    assert lane["balanced"], lane
    assert_back_within_a_second(away)


def test_the_bridges_of_a_worker_wait_for_their_ports_together(house, gateway):
    """Five seconds for all of them: one after the other they would outlast what a supervisor gives a start."""
    urls = [tcp(), tcp()]
    sections = "".join(
        f"[bridge.{name}]\nworker = both\npattern = pubsub\ndirection = out\nchannel = shm://{name}\nlisten = {url}\n"
        for name, url in zip(("first", "second"), urls)
    )
    running = gateway(f"[gateway]\nname = test\nrestart_min = 1s\n{sections}")
    os.kill(running.bridge("first")["worker_pid"], signal.SIGKILL)
    wait_until(lambda: running.bridge("first")["restarts"] == 1, "its end is noticed")
    strangers = [socket.create_server(("127.0.0.1", int(url.rsplit(":", 1)[1]))) for url in urls]
    wait_until(lambda: "trying again" in running.bridge("first")["reason"], "it waits for its port")
    waiting = time.monotonic()
    time.sleep(4)

    strangers[0].close()

    wait_until(lambda: running.bridge("second")["state"] == "failed", "it gives up")
    assert time.monotonic() - waiting < 7, "each bridge had its own patience"
    assert "in use" in running.bridge("second")["reason"]
    strangers[1].close()
