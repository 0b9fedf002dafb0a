"""A worker can start no program, and gains no privileges, whatever runs in it."""

import os

import pytest


def test_workers_are_confined_and_the_supervisor_is_not(house, gateway):
    if "LEAT_SANITIZE" in os.environ:
        pytest.skip("a sanitizer needs what is refused")
    running = gateway(f"[bridge.one]\npattern = pubsub\ndirection = out\nchannel = shm://one\nlisten = {house.ipc('one')}")

    def status(pid):
        with open(f"/proc/{pid}/status") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    worker = status(running.bridge("one")["worker_pid"])
    assert (worker["NoNewPrivs"], worker["Seccomp"]) == ("1", "2")
    assert status(running.process.pid)["Seccomp"] == status("self")["Seccomp"], "it starts workers"
