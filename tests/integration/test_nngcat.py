"""nngcat, which knows nothing of leat, as publisher, subscriber, pusher and puller, on every transport that reaches it."""

import shutil
import signal
import subprocess

import pytest

from support import free_port, tcp

pytestmark = pytest.mark.skipif(not shutil.which("nngcat"), reason="nngcat is not installed (Debian package nng-utils)")


def urls(house, kind):
    """(what the bridge says, what nngcat says): the same address."""
    if kind == "tcp6":
        import socket

        url = f"tcp6://[::1]:{free_port(socket.AF_INET6, '::1')}"
        return url, url
    if kind == "tcp4":
        url = tcp().replace("tcp:", "tcp4:")
        return url, url
    if kind == "abstract":
        url = f"abstract://{house.shm.name}"
        return url, url
    return (house.ipc("cat"),) * 2 if kind == "ipc" else (tcp(),) * 2


def nngcat(house, *arguments):
    return house.start("nngcat", *arguments, stdout=subprocess.PIPE)


KINDS = ["tcp", "tcp4", "tcp6", "ipc", "abstract"]


@pytest.mark.parametrize("kind", KINDS)
def test_as_a_subscriber(house, gateway, kind):
    ours, theirs = urls(house, kind)
    writer = house.writer("news")
    running = gateway(f"""
        [bridge.news]
        pattern = pubsub
        direction = out
        channel = shm://news
        listen = {ours}
        """)
    cat = nngcat(house, "--sub", "--subscribe", "a", "--dial", theirs, "--count", "2", "--quoted")
    running.wait_for_peers("news", 1)
    for text in (b"a1", b"b1", b"a2"):
        writer.publish(text)
    assert cat.communicate(timeout=20)[0].split() == ['"a1"', '"a2"']


@pytest.mark.parametrize("kind", KINDS)
def test_as_a_publisher(house, gateway, kind):
    ours, theirs = urls(house, kind)
    running = gateway(f"""
        [bridge.news]
        pattern = pubsub
        direction = in
        channel = shm://news
        dial = {ours}
        """)
    reader = house.reader("news")
    nngcat(house, "--pub", "--listen", theirs, "--data", "flood", "--interval", "1")
    assert reader.read(20) == (b"flood", 0)
    running.wait_for_balance("news")


@pytest.mark.parametrize("kind", ["tcp", "ipc"])
def test_as_a_puller(house, gateway, kind):
    ours, theirs = urls(house, kind)
    writer = house.writer("jobs")
    running = gateway(f"""
        [bridge.jobs]
        pattern = pipeline
        direction = out
        channel = shm://jobs
        listen = {ours}
        """)
    for number in range(3):
        writer.publish(b"job%d" % number)
    cat = nngcat(house, "--pull", "--dial", theirs, "--count", "3", "--quoted")
    assert cat.communicate(timeout=20)[0].split() == ['"job0"', '"job1"', '"job2"']
    assert running.wait_for_balance("jobs")[0]["forwarded"] == 3


@pytest.mark.parametrize("kind", ["tcp", "ipc"])
def test_as_a_pusher(house, gateway, kind):
    ours, theirs = urls(house, kind)
    running = gateway(f"""
        [bridge.jobs]
        pattern = pipeline
        direction = in
        channel = shm://jobs
        listen = {ours}
        """)
    reader = house.reader("jobs")
    nngcat(house, "--push", "--dial", theirs, "--data", "done", "--interval", "1")
    assert reader.read(20) == (b"done", 0)
    assert running.stop(signal.SIGTERM) == 0


def test_inproc_joins_two_bridges_of_one_worker(house, gateway):
    """channel -> PUSH -> inproc -> PULL -> channel, all in one process."""
    writer = house.writer("here")
    gateway("""
        [bridge.sender]
        worker = one
        pattern = pipeline
        direction = out
        channel = shm://here
        dial = inproc://joint
        [bridge.receiver]
        worker = one
        pattern = pipeline
        direction = in
        channel = shm://there
        listen = inproc://joint
        """)
    reader = house.reader("there")
    writer.publish(b"through the joint")
    assert reader.read() == (b"through the joint", 0)


def test_every_transport_of_a_bridge_is_one_socket(house, gateway):
    """tcp4, tcp6, ipc and abstract listeners of one bridge share one publisher: each subscriber gets each message."""
    listeners = [urls(house, kind)[0] for kind in ("tcp4", "tcp6", "ipc", "abstract")]
    writer = house.writer("news")
    running = gateway(f"""
        [bridge.news]
        pattern = pubsub
        direction = out
        channel = shm://news
        listen = {", ".join(listeners)}
        """)
    cats = [nngcat(house, "--sub", "--dial", url, "--count", "1", "--quoted") for url in listeners]
    running.wait_for_peers("news", 4)
    writer.publish(b"all")
    assert [cat.communicate(timeout=20)[0].strip() for cat in cats] == ['"all"'] * 4
