"""Plugins that were compiled against the first version of the interface run in the present gateway, unchanged."""

import pytest

from support import BUILD, LEAT

FIRST = BUILD / "first-plugins"


@pytest.fixture
def plugins(house):
    """A plugin folder with the present plugins and the old ones."""
    folder = house.path("plugins")
    folder.mkdir()
    for file in [*(BUILD / "plugins").glob("*.so"), *FIRST.glob("*.so")]:
        (folder / file.name).symlink_to(file)
    return folder


def test_all_three_kinds_carry_messages(house, gateway, plugins):
    way, socket = house.ipc("way"), house.path("there.sock")
    running = gateway(f"""
        [gateway]
        name = test
        plugin_dir = {plugins}
        [bridge.start]
        pattern = first-pattern
        direction = out
        channel = shm://start
        listen = {way}
        [bridge.in]
        pattern = first-pattern
        direction = in
        channel = first-channel://between
        dial = {way}
        worker = one
        [bridge.out]
        pattern = pipeline
        direction = out
        channel = first-channel://between
        listen = first-transport://{socket}
        worker = one
        [bridge.end]
        pattern = pipeline
        direction = in
        channel = shm://end
        dial = first-transport://{socket}
        """)
    running.wait_for_peers("start", 1)
    running.wait_for_peers("out", 1)
    writer = house.writer("start")
    for number in range(1000):
        writer.publish(f"message {number}".encode())
    reader = house.reader("end")
    assert [reader.read()[0] for _ in range(1000)] == [f"message {number}".encode() for number in range(1000)]
    for bridge in ["start", "in", "out", "end"]:
        [lane] = running.wait_for_balance(bridge)
        assert (lane["read"], lane["forwarded"]) == (1000, 1000)


@pytest.mark.parametrize("kind", ["channel", "pattern"])
def test_they_pass_the_present_conformance_suite(house, kind):
    said = house.run(LEAT, "plugin", "test", FIRST / f"first-{kind}.so", seconds=100)
    assert said.returncode == 0, said.stdout
