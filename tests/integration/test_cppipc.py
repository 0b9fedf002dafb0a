"""Bridges to applications on cpp-ipc, played by the model: both kinds, both layouts, both ways; and what is left of the dead."""

import os
import time

import pytest

from cppipc import Peer, assert_whole, bridge, kill_worker, message
from support import LEATD, tcp, wait_until

KINDS = ("route", "channel")
FORMS = [(kind, layout) for kind in KINDS for layout in ("1.3", "1.4")]
SIZES = (1, 7, 63, 64, 65, 200, 1008, 1009, 64 << 10, 1 << 20, 10 << 20)
PATIENT = {"recv_timeout": 20_000, "send_timeout": 20_000, "recv_max_size": 0}
TIMES = int(os.environ.get("LEAT_CPPIPC_KILLS", "6"))


def puller(pynng, url):
    return pynng.Pull0(dial=url, **PATIENT)


def pusher(pynng, url):
    return pynng.Push0(dial=url, **PATIENT)


def wait_for_log(gateway, *sentences):
    wait_until(lambda: all(sentence in gateway.log() for sentence in sentences), f"the log says {sentences}\n{gateway.log()}")


def wait_until_attached(house, ring):
    """Until the bridge has its bit in the ring."""
    wait_until(lambda: (house.shm / ring).exists() and (house.shm / ring).read_bytes()[0] != 0, "a receiver is connected")


# ---- what is carried -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, layout", FORMS)
def test_every_size_comes_out_byte_for_byte(house, gateway, pynng, kind, layout):
    url = tcp()
    sender = Peer(house, "send", "quotes", kind=kind, layout=layout, sizes=SIZES, count=len(SIZES), receivers=1, limit=10_000, stay=True)
    sender.ready()
    running = gateway(bridge(house, "quotes", "out", url, cppipc__kind=kind))
    with puller(pynng, url) as far:
        for number, size in enumerate(SIZES):
            assert far.recv() == message(number, size), f"{size} bytes"
    assert sender.result()["failed"] == 0
    [lane] = running.wait_for_balance("quotes")
    assert lane["read"] == lane["forwarded"] == len(SIZES), lane


@pytest.mark.parametrize("kind, layout", FORMS)
def test_every_size_goes_in_byte_for_byte_and_an_empty_message_does_not(house, gateway, pynng, kind, layout):
    url = tcp()
    receiver = Peer(house, "recv", "orders", kind=kind, layout=layout, sizes=SIZES, count=len(SIZES)).ready()
    running = gateway(bridge(house, "orders", "in", url, cppipc__kind=kind))
    with pusher(pynng, url) as far:
        far.send(b"")
        for number, size in enumerate(SIZES):
            far.send(message(number, size))
        assert_whole(receiver.result(), len(SIZES))
    [lane] = running.wait_for_balance("orders")
    assert lane["read"] == len(SIZES) + 1 and lane["forwarded"] == len(SIZES), lane
    assert lane["dropped"]["malformed"] == 1, lane


def test_the_library_has_no_empty_messages_either(house):
    Peer(house, "recv", "quotes").ready()
    sender = Peer(house, "send", "quotes", sizes=(0,), count=3, receivers=1)
    report = sender.result()
    assert report["sent"] == 0 and report["failed"] == 3, report


@pytest.mark.parametrize("kind", KINDS)
def test_what_needs_fragments_arrives(house, gateway, kind):
    """A receiver that keeps more buffers than a pool has chunks: the library goes over to pieces of 64 bytes, and the bridge too."""
    outward, inward = tcp(), tcp()
    sizes, count = (3000, 200), 400
    gateway(
        bridge(house, "outward", "out", outward, "one", cppipc__kind=kind)
        + bridge(house, "inward", "in", inward, "two", cppipc__kind=kind)
    )
    hoarder = Peer(house, "recv", "two", kind=kind, sizes=sizes, count=count, hold=40).ready()
    Peer(house, "send", inward, program="cppipc_far", sizes=sizes, count=count, stay=True)
    assert_whole(hoarder.result(), count)
    far = Peer(house, "recv", outward, program="cppipc_far", sizes=sizes, count=count).ready()
    other = Peer(house, "recv", "one", kind=kind, sizes=sizes, count=count, hold=40).ready()
    Peer(house, "send", "one", kind=kind, sizes=sizes, count=count, receivers=2, limit=10_000, stay=True)
    assert_whole(other.result(), count)
    assert_whole(far.result(), count)


@pytest.mark.parametrize("kind", KINDS)
def test_two_other_receivers_are_not_disturbed(house, gateway, kind):
    url, sizes, count = tcp(), (8, 64, 200), 30_000
    running = gateway(bridge(house, "quotes", "out", url, cppipc__kind=kind))
    others = [Peer(house, "recv", "quotes", kind=kind, sizes=sizes, count=count).ready() for _ in range(2)]
    far = Peer(house, "recv", url, program="cppipc_far", sizes=sizes, count=count).ready()
    sender = Peer(house, "send", "quotes", kind=kind, sizes=sizes, count=count, receivers=3, limit=10_000, stay=True)
    for receiver in (*others, far):
        assert_whole(receiver.result(), count)
    assert sender.result()["failed"] == 0
    [lane] = running.wait_for_balance("quotes")
    assert lane["read"] == lane["forwarded"] == count


@pytest.mark.parametrize("kind", KINDS)
def test_a_polling_bridge_reads_what_comes_at_a_pace(house, gateway, kind):
    """It wakes nobody: a sender that it keeps waiting waits for as long as it is patient."""
    url, sizes, count = tcp(), (8, 64, 200, 2000), 3000
    running = gateway(bridge(house, "quotes", "out", url, cppipc__kind=kind, cppipc__wake="poll"))
    far = Peer(house, "recv", url, program="cppipc_far", sizes=sizes, count=count).ready()
    how = {"kind": kind, "sizes": sizes, "count": count, "receivers": 1, "interval": 200, "stay": True}
    sender = Peer(house, "send", "quotes", **how)
    assert_whole(far.result(), count)
    assert sender.result()["failed"] == 0
    [lane] = running.wait_for_balance("quotes")
    assert lane["read"] == lane["forwarded"] == count


def test_a_polling_bridge_writes_too(house, gateway):
    url, sizes, count = tcp(), (8, 200), 300
    gateway(bridge(house, "orders", "in", url, cppipc__kind="channel", cppipc__wake="poll"))
    receiver = Peer(house, "recv", "orders", kind="channel", sizes=sizes, count=count).ready()
    Peer(house, "send", url, program="cppipc_far", sizes=sizes, count=count, stay=True)
    assert_whole(receiver.result(), count)


def test_a_prefix_is_a_name_space_of_its_own(house, gateway, pynng):
    url = tcp()
    plain = Peer(house, "send", "quotes", receivers=1, count=1, sizes=(9,)).ready()
    sender = Peer(house, "send", "quotes", prefix="site-", receivers=1, count=1, sizes=(9,), first=5, stay=True).ready()
    gateway(bridge(house, "quotes", "out", url, cppipc__kind="route", cppipc__prefix="site-"))
    with puller(pynng, url) as far:
        assert far.recv() == message(5, 9)
    assert sender.result()["failed"] == 0
    assert plain.end()["sent"] == 0


def test_several_senders_of_a_channel_are_heard_beside_each_other(house, gateway):
    url, sizes, count = tcp(), (8, 64, 200, 3000), 5000
    running = gateway(bridge(house, "quotes", "out", url, cppipc__kind="channel"))
    far = Peer(house, "recv", url, program="cppipc_far", sizes=sizes, count=2 * count).ready()
    how = {"kind": "channel", "sizes": sizes, "count": count, "receivers": 1, "limit": 10_000, "stay": True}
    for number in range(2):
        Peer(house, "send", "quotes", sender=number, **how)
    assert_whole(far.result(), 2 * count)
    [lane] = running.wait_for_balance("quotes")
    assert lane["read"] == lane["forwarded"] == 2 * count, lane


# ---- who dies, and when ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_reader_blocks_nobody_and_its_successor_goes_on_where_it_was(house, gateway, kind):
    url, sizes, limit = tcp(), (8, 64, 200, 2000), 2000
    running = gateway(bridge(house, "quotes", "out", url, cppipc__kind=kind))
    how = {"kind": kind, "sizes": sizes}
    other = Peer(house, "recv", "quotes", every=100, **how).ready()
    far = Peer(house, "recv", url, program="cppipc_far", sizes=sizes, every=100).ready()
    sender = Peer(house, "send", "quotes", receivers=2, limit=limit, interval=500, stay=True, **how).ready()
    for _ in range(TIMES):
        far.wait_for_progress()
        kill_worker(running, "quotes")
    far.wait_for_progress()
    sent = sender.end()
    assert sent["failed"] == 0 and sent["longest_ms"] < limit, sent
    wait_until(lambda: running.wait_for_balance("quotes")[0]["read"] >= sent["sent"], "all of it is read")
    assert_whole(other.end(), sent["sent"])
    received = far.end()
    assert received["bad"] == received["doubled"] == received["disordered"] == 0, received
    [lane] = running.wait_for_balance("quotes")
    assert lane["dropped"]["lapped"] == 0, f"what the successor did not find: {lane}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_writer_damages_nothing_and_its_successor_takes_the_sender_flag_over(house, gateway, kind):
    url, sizes = tcp(), (8, 64, 200, 2000)
    running = gateway(bridge(house, "orders", "in", url, cppipc__kind=kind))
    receivers = [Peer(house, "recv", "orders", kind=kind, sizes=sizes, every=100).ready() for _ in range(2)]
    Peer(house, "send", url, program="cppipc_far", sizes=sizes, interval=500)
    for _ in range(TIMES):
        receivers[0].wait_for_progress()
        kill_worker(running, "orders")
    receivers[0].wait_for_progress()
    for report in [receiver.end() for receiver in receivers]:
        assert report["bad"] == report["doubled"] == report["disordered"] == 0, report


@pytest.mark.parametrize("point", ("numbered", "chunk", "claimed", "written", "pushed", "fragment", "lock", "pool-lock"))
def test_a_sender_may_die_anywhere(house, gateway, pynng, point):
    """In a channel, where another sender may go on: it does, and is heard. What a death in between leaves for ever taken (the spin lock
    of a pool) sends the library's own receivers to sleep, not the bridge."""
    url = tcp()
    gateway(bridge(house, "quotes", "out", url, cppipc__kind="channel"))
    hoarder = {"hold": 33, "count": 40} if point == "fragment" else None
    if hoarder:
        Peer(house, "recv", "quotes", kind="channel", sizes=(2000,), **hoarder).ready()
    at = f"{point}=kill:{40 if hoarder else 5}"
    victim = Peer(house, "send", "quotes", kind="channel", sizes=(2000,), count=60, receivers=1, at=at, limit=200)
    victim.wait_until_dead()
    other = Peer(house, "send", "quotes", kind="channel", sizes=(40,), first=100, interval=2000, limit=200).ready()
    numbers = []
    with puller(pynng, url) as far:
        while not numbers or numbers[-1] < 400:
            data = far.recv()
            numbers.append(int.from_bytes(data[:8], "little"))
            assert data == message(numbers[-1], 40 if numbers[-1] >= 100 else 2000)
        other.kill()
    assert numbers == sorted(set(numbers)) and numbers[-100:] == list(range(301, 401)), numbers


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("point", ("connecting", "copied", "popped", "lock", "waiting", "pool-lock"))
def test_a_receiver_may_die_anywhere(house, gateway, kind, point):
    """The bridge makes room by disconnecting the dead one, and the live one gets everything."""
    url, sizes, count = tcp(), (8, 2000), 1500
    gateway(bridge(house, "orders", "in", url, cppipc__kind=kind, cppipc__kick_after="200ms"))
    at = f"{point}=kill:{1 if point in ('connecting', 'waiting') else 20}"
    victim = Peer(house, "recv", "orders", kind=kind, sizes=sizes, at=at)
    live = Peer(house, "recv", "orders", kind=kind, sizes=sizes, count=count).ready()
    Peer(house, "send", url, program="cppipc_far", sizes=sizes, count=count, stay=True)
    victim.wait_until_dead()
    assert_whole(live.result(), count)


@pytest.mark.parametrize("point", ("lock", "waiting"))
def test_a_receiver_stopped_inside_a_lock_does_not_stop_the_bridge(house, gateway, point):
    """The library's own senders would wait for it for as long as it is stopped."""
    url, options = tcp(), {"cppipc__kick_after": "200ms", "cppipc__without_receiver": "drop"}
    running = gateway(bridge(house, "orders", "in", url, cppipc__kind="channel", **options))
    victim = Peer(house, "recv", "orders", kind="channel", sizes=(8,), at=f"{point}=stop:{1 if point == 'waiting' else 5}")
    Peer(house, "send", url, program="cppipc_far", sizes=(8,), count=2000, interval=200, stay=True)
    victim.wait_until_stopped()
    wait_until(lambda: running.lane("orders")["read"] == 2000, "the bridge goes on")


@pytest.mark.parametrize("kind", KINDS)
def test_a_receiver_that_takes_nothing_is_disconnected_and_the_others_lose_nothing(house, gateway, kind):
    url, sizes, count = tcp(), (8, 200), 2000
    running = gateway(bridge(house, "orders", "in", url, cppipc__kind=kind, cppipc__kick_after="2s"))
    asleep = Peer(house, "recv", "orders", kind=kind, sizes=sizes).ready()
    asleep.pause()
    slow = Peer(house, "recv", "orders", kind=kind, sizes=sizes, count=count, interval=300).ready()
    Peer(house, "send", url, program="cppipc_far", sizes=sizes, count=count, stay=True)
    assert_whole(slow.result(), count)
    [lane] = running.wait_for_balance("orders")
    assert lane["forwarded"] == count


# ---- coming and going ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_sender_that_is_started_again_is_heard(house, gateway, kind):
    url = tcp()
    running = gateway(bridge(house, "quotes", "out", url, cppipc__kind=kind))
    far = Peer(house, "recv", url, program="cppipc_far", sizes=(8, 3000), every=100).ready()
    for turn in range(4):
        how = {"kind": kind, "sizes": (8, 3000), "first": turn * 100, "count": 100}
        assert Peer(house, "send", "quotes", receivers=1, limit=5000, **how).result()["failed"] == 0
        far.wait_at(100 * (turn + 1))
    report = far.end()
    assert_whole(report, 400)
    running.wait_for_balance("quotes")


@pytest.mark.parametrize("kind", KINDS)
def test_a_receiver_that_is_started_again_is_served(house, gateway, kind):
    """While nobody is there, what comes is kept back, and nobody is taken for dead. What is in the ring when a receiver has had enough
    goes with it: there is more than they take."""
    url, count = tcp(), 100
    gateway(bridge(house, "orders", "in", url, cppipc__kind=kind))
    Peer(house, "send", url, program="cppipc_far", sizes=(8, 3000), count=8 * count, interval=1000, stay=True)
    for _ in range(4):
        report = Peer(house, "recv", "orders", kind=kind, sizes=(8, 3000), count=count).result()
        assert report["received"] == count and report["bad"] == report["doubled"] == report["disordered"] == 0, report


@pytest.mark.parametrize("kind", KINDS)
def test_files_that_are_removed_while_it_runs_are_looked_for_anew(house, gateway, kind):
    """rm /dev/shm/*IPC_SHM*, the cure that the library's users know, and a new application."""
    outward, inward = tcp(), tcp()
    gateway(
        bridge(house, "outward", "out", outward, "one", cppipc__kind=kind)
        + bridge(house, "inward", "in", inward, "two", cppipc__kind=kind)
    )
    far = Peer(house, "recv", outward, program="cppipc_far", sizes=(8, 300), every=50).ready()
    Peer(house, "send", inward, program="cppipc_far", sizes=(8, 300), interval=1000)
    for turn in range(3):
        receiver = Peer(house, "recv", "two", kind=kind, sizes=(8, 300), every=50).ready()
        receiver.wait_for_progress()
        sender = Peer(house, "send", "one", kind=kind, sizes=(8, 300), first=1000 * turn, interval=1000, receivers=1).ready()
        far.wait_for_progress()
        for file in house.shm.glob("*__IPC_SHM__*"):
            file.unlink()
        sender.kill()
        receiver.kill()
    report = far.end()
    assert report["bad"] == report["doubled"] == report["disordered"] == 0, report


# ---- what does not fit together --------------------------------------------------------------------------------------


def test_a_channel_of_the_other_kind_is_named(house, gateway):
    Peer(house, "recv", "quotes", kind="channel", sizes=(8,)).ready()
    Peer(house, "send", "quotes", kind="channel", sizes=(8,), count=50, receivers=1, stay=True).ready()
    wait_until_attached(house, "__IPC_SHM__QU_CONN__quotes__64__16")
    time.sleep(0.1)
    running = gateway(bridge(house, "quotes", "out", tcp(), cppipc__kind="route"))
    wait_until(lambda: "route" in running.log() and "channel" in running.log(), running.log())
    assert running.lane("quotes")["read"] == 0


def test_applications_of_both_layouts_on_one_name_are_named(house, gateway):
    for layout in ("1.3", "1.4"):
        Peer(house, "recv", "quotes", layout=layout).ready()
    running = gateway(bridge(house, "quotes", "out", tcp(), cppipc__kind="route"))
    wait_for_log(running, "1.3", "1.4")


def test_a_file_of_another_size_is_refused_with_the_reason(house, gateway):
    Peer(house, "recv", "quotes").ready()
    with open(house.shm / "__IPC_SHM__QU_CONN__quotes__64__16", "r+b") as ring:
        ring.truncate(50_000)
    running = gateway(bridge(house, "quotes", "out", tcp(), cppipc__kind="route"))
    wait_for_log(running, "50000")


# ---- questions and answers -------------------------------------------------------------------------------------------


def questions(house, direction, url, mode="listen", **options):
    more = {"reply_channel": "cppipc://replies", "cppipc__kind": "channel", **options}
    return bridge(house, "questions", direction, url, "requests", "reqrep", mode, **more)


def test_remote_questions_are_answered_by_an_application_on_the_library(house, gateway, pynng):
    url = tcp()
    Peer(house, "reply", "requests", answers="replies", kind="channel").ready()
    gateway(questions(house, "in", url, cppipc__tag="prefix", cppipc__create="yes"))
    with pynng.Req0(dial=url, **PATIENT) as requester:
        wait_until_attached(house, "__IPC_SHM__QU_CONN__replies__64__16")
        for number, size in enumerate((0, 1, 56, 57, 64, 2000, 100_000)):
            requester.send(message(number, size))
            assert requester.recv() == b"re:" + message(number, size)


def test_an_application_on_the_library_asks_and_is_answered_from_afar(house, gateway, pynng):
    url, sizes = tcp(), (9, 64, 65, 2000, 100_000)
    with pynng.Rep0(listen=url, **PATIENT) as replier:
        asking = Peer(
            house, "request", "requests", answers="replies", kind="channel", sizes=sizes, count=len(sizes), receivers=1, limit=5000
        )
        asking.ready()
        gateway(questions(house, "out", url, mode="dial", cppipc__tag="prefix"))
        for number, size in enumerate(sizes):
            question = replier.recv()
            assert question == message(number, size)[8:]
            replier.send(b"re:" + question)
        assert asking.result() == {"asked": len(sizes), "answered": len(sizes)}


@pytest.mark.parametrize("direction", ("in", "out"))
def test_questions_without_a_place_for_their_tag_are_refused(house, direction):
    file = house.path("refused.ini")
    mode = "listen" if direction == "in" else "dial"
    file.write_text(f"[gateway]\nname = refused\n{questions(house, direction, tcp(), mode)}")
    answer = house.run(LEATD, "--check", "-c", file)
    assert answer.returncode == 78 and "cppipc.tag" in answer.stderr, answer
    file.write_text(file.read_text() + "cppipc.tag = prefix\n")
    assert house.run(LEATD, "--check", "-c", file).returncode == 0
