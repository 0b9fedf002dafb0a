"""The supervisor killed under load and started again, as a service manager would: no worker is left behind, and the bridge is
back at its durable cursor."""

import os
import random
import signal
import time

from killing import Load, assert_back_within_a_second, kill_under_load, report
from support import note
from sp import PULL, Connection
from support import tcp, wait_until

TIMES = int(os.environ.get("LEAT_KILLS", "200"))
STARTS = 40


def test_a_killed_supervisor_started_again_loses_nothing(house, gateway):
    load = Load(house, "stream")
    running = gateway(load.section())

    def kill_and_start_again():
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
        running.start(wait=False)

    away = kill_under_load(load, kill_and_start_again, TIMES)

    report("supervisor killed and started again", away)
    sent, again = load.finish()
    note(f"{sent} messages, none lost, {again} came again")
    [lane] = running.wait_for_balance("stream")
    assert lane["forwarded"] + lane["returned"] >= sent
    assert running.stop() == 0
    assert_back_within_a_second(away)


def test_a_peer_that_takes_nothing_does_not_delay_the_next_supervisor(house, gateway):
    """Its workers drain only briefly: what is not sent stays in the channel, and the next ones wait for the ports."""
    url = tcp()
    house.produce("stuck", "--policy", "block", "--sizes", "60000-65000")
    running = gateway(f"""
        [bridge.stuck]
        pattern = pipeline
        direction = out
        channel = shm://stuck
        listen = {url}
        """)
    away = []
    for _ in range(5):
        deaf = Connection.dial(url, PULL)
        wait_until(lambda: running.lane("stuck")["in_flight"] > 0 and is_still(running, "stuck"), "the pipes are full")
        page = house.shm / f"leat-gateway.{running.name}"
        before, killed = inode(page), time.monotonic()
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
        running.start(wait=False)
        wait_until(lambda: inode(page) != before, "the next supervisor has its page", pause=0.001)
        away.append(time.monotonic() - killed)
        wait_until(running.has_started, f"the gateway runs\n{running.log()}")
        deaf.close()
    assert sorted(away)[2] < 1, away
    assert "outlived its gateway" not in running.log()


def test_the_books_of_a_channel_are_not_continued_by_another(house, gateway):
    url = tcp()
    section = """
        [bridge.news]
        pattern = pubsub
        direction = out
        channel = shm://{0}
        listen = {1}
        """
    writers = {name: house.writer(name) for name in ("first", "second")}
    running = gateway(section.format("first", url))
    writers["first"].publish(b"counted")
    wait_until(lambda: running.lane("news")["read"] == 1, "it is read")
    running.send(signal.SIGKILL)
    running.process.wait()
    running.start()
    assert running.lane("news")["read"] == 1, "the same lane goes on"
    running.send(signal.SIGKILL)
    running.process.wait()
    text = running.configuration.read_text()
    running.configuration.write_text(text.replace("shm://first", "shm://second"))
    running.start()
    assert running.lane("news")["channel"] == "shm://second"
    assert running.lane("news")["read"] == 0
    assert running.stop() == 0


def is_still(running, bridge):
    """Whether its lane forwards nothing more."""
    before = running.lane(bridge)["forwarded"]
    time.sleep(0.3)
    return before > 0 and before == running.lane(bridge)["forwarded"]


def inode(path):
    return path.stat().st_ino if path.exists() else None


def test_a_supervisor_killed_while_it_starts_its_workers_does_not_keep_the_next_one_from_their_ports(house):
    """A worker that was exec'ed a moment before stands on the page before it takes its port, or never takes it."""
    starting = house.gateway(
        f"""
        [bridge.one]
        pattern = pubsub
        direction = out
        channel = shm://one
        listen = {tcp()}
        [bridge.two]
        pattern = pubsub
        direction = out
        channel = shm://two
        listen = {tcp()}
        """,
        wait=False,
    )
    page, seen = house.shm / f"leat-gateway.{starting.name}", None
    for turn in range(STARTS):
        wait_until(lambda: starting.process.poll() is not None or inode(page) != seen, "its page is there", pause=0.0002)
        assert starting.process.poll() is None, f"start {turn}:\n{starting.log()}"
        time.sleep(random.uniform(0, 0.05 if turn % 4 == 0 else 0.008))
        seen = inode(page)
        starting.process.send_signal(signal.SIGKILL)
        assert starting.process.wait() == -signal.SIGKILL, f"start {turn}:\n{starting.log()}"
        starting.start(wait=False)
    wait_until(starting.has_started, f"the gateway runs\n{starting.log()}")
    assert starting.stop() == 0
