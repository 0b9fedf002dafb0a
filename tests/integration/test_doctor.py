"""leat doctor on what applications of cpp-ipc, played by the model, leave behind: it finds it, mends what harms nobody, and the living go on."""

import json
import os
import signal

import pytest

from cppipc import Peer, assert_whole, bridge
from support import LEAT, tcp, wait_until

SIZES = (16, 200)


def doctor(house, *arguments, status):
    """The first finding of each code, those that are good apart."""
    setting = f"--set=cppipc.directory={house.shm}"
    answer = house.run(LEAT, "doctor", "--json", setting, *arguments, seconds=60)
    assert answer.returncode == status, f"{answer.returncode}: {answer.stdout}{answer.stderr}"
    found = {}
    for finding in json.loads(answer.stdout):
        if finding["grade"] != "good":
            found.setdefault(finding["code"], finding)
    return found


def kill(*peers):
    for peer in peers:
        peer.kill()


def files(house):
    return {file.name for file in house.shm.iterdir() if "IPC_SHM" in file.name}


def receiver(house, name="quotes", **how):
    return Peer(house, "recv", name, **{"sizes": SIZES, **how}).ready()


def sender(house, name="quotes", **how):
    """A patient one: a receiver that makes no room stops it for as long as the test lasts."""
    return Peer(house, "send", name, **{"sizes": SIZES, "limit": 100_000, "stay": True, **how})


RING = "__IPC_SHM__QU_CONN__quotes__64__16"


def index_of(house):
    """Of the slot that is to be written next."""
    return int.from_bytes((house.shm / RING).read_bytes()[64:68], "little")


def wait_until_held(house, least):
    """Until the sender has come so far and does not go on for some looks."""

    state = {"index": 0, "times": 0}

    def stands():
        now = index_of(house)
        state.update(index=now, times=state["times"] + 1 if now == state["index"] else 0)
        return now >= least and state["times"] > 40

    wait_until(stands, "the sender is held up", pause=0.01)


def test_a_healthy_pair_has_nothing_wrong(house):
    receiver(house)
    sender(house, interval=1000, receivers=1)
    assert doctor(house, status=0).keys() <= {"one-user"}


def test_nobody_there_is_no_fault(house):
    assert doctor(house, status=0) == {}
    assert doctor(house, "cppipc://nowhere", status=0).keys() == {"not-there"}


@pytest.mark.parametrize("kind", ["route", "channel"])
def test_a_dead_receiver_is_disconnected_and_the_living_lose_nothing(house, kind):
    count = 5000
    alive = receiver(house, kind=kind, count=count)
    dead = receiver(house, kind=kind)
    source = sender(house, kind=kind, receivers=2, interval=100, count=count)
    source.ready()
    kill(dead)
    wait_until_held(house, least=256)
    found = doctor(house, status=1)
    assert found.keys() & {"waiting-for-receivers", "dead-receivers"}, found
    assert all(finding["repair"] != "done" for finding in found.values())
    doctor(house, "--repair", status=0)
    assert_whole(alive.result(), count)
    assert doctor(house, status=0) == {}


def test_a_stopped_receiver_keeps_its_place_and_its_messages(house):
    count = 3000
    stopped = receiver(house, count=count)
    source = sender(house, receivers=1, interval=100, count=count)
    source.ready()
    stopped.pause()
    stopped.wait_until_stopped()
    wait_until_held(house, least=1)
    found = doctor(house, "--repair", status=1)
    finding = found.get("waiting-for-receivers") or found["stopped-owner"]  # where it was stopped within a waiter's lock
    assert finding["repair"] == "none" and "stopped" in finding["text"]
    os.kill(stopped.process.pid, signal.SIGCONT)
    assert_whole(stopped.result(), count)


@pytest.mark.parametrize("kind, layout", [("route", "1.3"), ("route", "1.4"), ("channel", "1.4")])
def test_what_the_dead_left_is_removed_and_a_new_pair_works_at_once(house, kind, layout):
    how = {"kind": kind, "layout": layout}
    dead = [receiver(house, **how, hold=20), sender(house, **how, receivers=1)]
    wait_until(lambda: any("CHUNK_INFO" in name for name in files(house)), "a large message was sent")
    kill(*dead)
    left = files(house)
    assert {"left-behind", "lost-chunks"} & doctor(house, status=1).keys() and files(house) == left
    assert all(finding["repair"] == "done" for finding in doctor(house, "--repair", status=0).values() if finding["code"] != "one-user")
    assert files(house) == set()
    heir = receiver(house, **how, count=1000)
    assert sender(house, **how, receivers=1, count=1000, stay=[]).result()["failed"] == 0
    assert_whole(heir.result(), 1000)


def test_programs_of_two_versions_on_one_name_are_named(house):
    old, new = receiver(house, layout="1.3"), receiver(house, layout="1.4")
    finding = doctor(house, status=1)["two-versions"]
    assert finding["grade"] == "error" and finding["subject"] == "cppipc://quotes"
    for peer in (old, new):
        assert str(peer.process.pid) in finding["text"]


def test_a_route_and_a_channel_on_one_name_are_named(house):
    receiver(house, kind="channel")
    sender(house, kind="channel", receivers=1, count=100)
    wait_until(lambda: index_of(house) >= 100, "100 were sent")
    sender(house, kind="route").ready()
    assert doctor(house, status=1)["two-kinds"]["grade"] == "error"


def test_a_file_of_other_constants_is_named(house):
    (house.shm / "__IPC_SHM__QU_CONN__odd__64__16").write_bytes(bytes(1000))
    finding = doctor(house, "cppipc://odd", status=1)["wrong-size"]
    assert "1000 bytes" in finding["text"]


def test_only_the_channel_that_was_asked_for_is_touched(house):
    kill(receiver(house, "one"), receiver(house, "two"))
    doctor(house, "--repair", "cppipc://one", status=0)
    assert not any("one" in name for name in files(house)) and any("two" in name for name in files(house))


def test_a_prefix_is_examined_apart(house):
    kill(receiver(house, prefix="site-"))
    assert doctor(house, status=0) == {}
    assert doctor(house, "--set=cppipc.prefix=site-", status=1)["left-behind"]["grade"] == "warning"


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        (["quotes"], 64, "PLUGIN://NAME"),
        (["--set=kind"], 64, "PLUGIN.OPTION=VALUE"),
        (["--set=nix.kind=1"], 64, "no plugin 'nix'"),
        (["--set=cppipc.kind=nix"], 69, "cppipc.kind"),
        (["cppipx://quotes"], 69, "cppipx"),
        (["pubsub://quotes"], 69, "is a pattern, here a channel is needed"),
    ],
)
def test_what_cannot_be_examined_is_said(house, arguments, status, words):
    answer = house.run(LEAT, "doctor", *arguments)
    assert answer.returncode == status and words in answer.stderr, answer.stderr


def test_a_bridge_that_receives_does_not_hide_that_the_sender_is_dead(house, gateway):
    """A route's next sender is let in without ending the bridge; while a sender lives its flag is left alone."""
    url = tcp()
    gateway(bridge(house, "quotes", "out", url, cppipc__kind="route"))
    far = Peer(house, "recv", url, program="cppipc_far", sizes=SIZES, every=10).ready()
    first = sender(house, interval=1000, receivers=1, count=100).ready()
    far.wait_at(100)
    assert "stale-sender-flag" not in doctor(house, "cppipc://quotes", "--repair", status=0)
    kill(first)
    assert Peer(house, "send", "quotes", sizes=SIZES, count=1).process.wait(20) == 3, "the flag lets nobody in"
    assert doctor(house, "cppipc://quotes", "--repair", status=0)["stale-sender-flag"]["repair"] == "done"
    sender(house, receivers=1, first=100, count=100)
    far.wait_at(200)
    assert_whole(far.end(), 200)
