"""A worker killed under load: its bridge is back at its durable cursor, and the other bridges have not noticed."""

import os
import signal

from killing import Load, assert_back_within_a_second, kill_under_load, report

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
    print(f"{sent} messages, none lost, {again} came again")
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

    away = kill_under_load(load, kill, TIMES // 8)

    report("worker of a slow peer killed", away)
    sent, again = load.finish()
    print(f"{sent} messages, none lost, {again} came again")
