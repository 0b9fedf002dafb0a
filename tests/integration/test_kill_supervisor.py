"""The supervisor killed under load and started again, as a service manager would: no worker is left behind, and the bridge is
back at its durable cursor."""

import os
import random
import signal
import time

from killing import Load, assert_back_within_a_second, kill_under_load, report
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
    print(f"{sent} messages, none lost, {again} came again")
    [lane] = running.wait_for_balance("stream")
    assert lane["forwarded"] + lane["returned"] >= sent
    assert running.stop() == 0
    assert_back_within_a_second(away)


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
