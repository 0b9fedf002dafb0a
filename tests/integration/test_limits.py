"""A gateway that gets little: few descriptors, little address space. It says what it lacks, and whatever has enough goes on."""

import json
import socket

import pytest

from support import LEAT, LEATD, free_port, wait_until

FEW = 48  # descriptors: enough to start a bridge, and not for many peers


class Limited:
    """leatd under a limit of the shell's ulimit."""

    def __init__(self, house, limit, text):
        self.house = house
        self.configuration = house.path("limited.ini")
        self.configuration.write_text("[gateway]\nname = test\n" + "\n".join(line.strip() for line in text.splitlines()) + "\n")
        self.log_file = house.path("limited.log")
        with open(self.log_file, "w") as log:
            command = f"ulimit {limit} && exec {LEATD} -c {self.configuration}"
            self.process = house.start("sh", "-c", command, stdout=log, stderr=log)

    def log(self):
        return self.log_file.read_text()

    def bridges(self):
        answer = self.house.run(LEAT, "ledger", "--json", "test")
        return {bridge["name"]: bridge for bridge in json.loads(answer.stdout)["bridges"]} if answer.returncode == 0 else {}

    def wait_for(self, name, *states):
        wait_until(lambda: self.bridges().get(name, {}).get("state") in states, f"{name} is {states}\n{self.log()}")


def test_peers_beyond_the_descriptors_wait_and_those_that_are_there_go_on(house, pynng):
    port = free_port()
    url = f"tcp://127.0.0.1:{port}"
    writer = house.writer("quotes")
    running = Limited(house, f"-n {FEW}", f"[bridge.quotes]\npattern = pubsub\ndirection = out\nchannel = shm://quotes\nlisten = {url}")
    running.wait_for("quotes", "running")
    with pynng.Sub0(dial=url, topics=b"", recv_timeout=20000) as subscriber:
        wait_until(lambda: running.bridges()["quotes"]["peers"] == 1, "the subscriber is there")
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(2 * FEW)]  # the kernel takes them all
        for turn in range(20):
            writer.publish(b"%d" % turn)
            assert subscriber.recv() == b"%d" % turn
        told = house.run(LEAT, "doctor", f"--set=cppipc.directory={house.shm}")
        assert f"of at most {FEW} descriptors open" in told.stdout and told.returncode == 1, told.stdout
        for end in crowd:
            end.close()
        with pynng.Sub0(dial=url, topics=b"", recv_timeout=20000) as later:
            wait_until(lambda: running.bridges()["quotes"]["peers"] == 2, "there is room again")
            writer.publish(b"for both")
            assert subscriber.recv() == later.recv() == b"for both"
    assert running.bridges()["quotes"]["restarts"] == 0, running.log()


@pytest.mark.parametrize("descriptors", [4, 8, 12, 16, 20, 24])
def test_too_few_descriptors_to_start_are_a_sentence_and_no_crash(house, descriptors):
    """Somewhere in between lies what one bridge needs; below it there is an end or a state with a reason, never a signal."""
    url = house.ipc("quotes")
    running = Limited(house, f"-n {descriptors}", f"[bridge.quotes]\npattern = pubsub\ndirection = out\nchannel = shm://quotes\nlisten = {url}")

    def settled():
        return running.process.poll() is not None or running.bridges().get("quotes", {}).get("state") not in (None, "starting", "stopped")

    wait_until(settled, f"it runs, or says why not\n{running.log()}")
    if running.process.poll() is not None:
        assert running.process.returncode in (69, 71, 78) and running.log().strip(), (running.process.returncode, running.log())
    assert "SIG" not in running.log().replace("SIGTERM", ""), running.log()


def test_a_channel_that_has_no_address_space_costs_its_own_bridge_only(house):
    writer = house.writer("quotes")
    running = Limited(house, "-v 1500000", f"""
        [bridge.big]
        pattern = pipeline
        direction = in
        channel = shm://big
        listen = {house.ipc('big')}
        shm.capacity = 2GiB
        [bridge.quotes]
        pattern = pubsub
        direction = out
        channel = shm://quotes
        listen = {house.ipc('quotes')}
        """)
    running.wait_for("quotes", "running")
    wait_until(lambda: "Cannot allocate memory" in running.bridges()["big"]["reason"], "the other says what it lacks")
    writer.publish(b"on")
    wait_until(lambda: running.bridges()["quotes"]["lanes"][0]["read"] == 1, "the one that has enough carries on")
    assert running.process.poll() is None
