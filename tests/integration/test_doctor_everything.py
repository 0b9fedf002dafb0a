"""leat doctor on what goes wrong in practice: memory, readers, gateways, ports, certificates, secrets. Each finding says what to do."""

import json
import os
import signal
import socket
import struct
import subprocess

import pytest

from certificates import Authority
from support import LEAT, free_port, wait_until


def ours(house):
    """cpp-ipc's objects on this machine are none of this test's."""
    return [f"--set=cppipc.directory={house.shm}"]


def doctor(house, *arguments, status):
    """The findings of each code, those that are good apart."""
    answer = house.run(LEAT, "doctor", "--json", *ours(house), *arguments, seconds=60)
    assert answer.returncode == status, f"{answer.returncode}: {answer.stdout}{answer.stderr}"
    found = {}
    for finding in json.loads(answer.stdout):
        if finding["grade"] != "good":
            found.setdefault(finding["code"], []).append(finding)
    return found


def configuration(house, *lines, name="edge"):
    file = house.path(f"{name}.ini")
    file.write_text("\n".join(["[gateway]", f"name = {name}", *lines, ""]))
    return file


def bridge(*lines, listen):
    return ["[bridge.quotes]", "pattern = pubsub", "direction = out", "channel = shm://quotes", f"listen = {listen}", *lines]


def test_nothing_wrong_is_status_0_and_says_what_was_looked_at(house, gateway):
    running = gateway("\n".join(bridge(listen=house.ipc("quotes"))))
    answer = house.run(LEAT, "doctor", *ours(house), seconds=60)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"good     {house.shm}: " in answer.stdout
    assert "good     gateway test: live, and its books balance" in answer.stdout
    assert f"good     {running.configuration}: it is valid" in answer.stdout, "found by the gateway that runs it"
    assert "--repair" not in answer.stdout


def test_a_port_that_is_taken_is_told_with_who_has_it(house):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file = configuration(house, *bridge(listen=f"tcp://127.0.0.1:{port}"))
        [finding] = doctor(house, "-c", file, status=1)["port-taken"]
    assert finding["subject"] == f"{file}:7" and finding["grade"] == "error"
    assert f"(pid {os.getpid()}, " in finding["remedy"] and f"port {port}" in finding["remedy"]


def test_every_problem_of_a_configuration_is_a_finding(house):
    file = configuration(house, *bridge("colour = red", "shm.mode = 9", listen=house.ipc("quotes")))
    found = doctor(house, "-c", file, status=1)["configuration"]
    assert [finding["subject"] for finding in found] == [f"{file}:8", f"{file}:9"]


def test_a_certificate_near_its_end_and_a_key_that_everybody_may_read_are_told(house):
    server = Authority(house.folder, "ours").issue("server", "DNS:localhost", ends=9)
    server.key.chmod(0o644)
    lines = bridge(f"tls.cert = {server.certificate}", f"tls.key = {server.key}", listen=f"tls+tcp://127.0.0.1:{free_port()}")
    found = doctor(house, "-c", configuration(house, *lines), status=1)
    [ending] = found["certificate-expires"]
    assert ending["grade"] == "warning" and "valid for another" in ending["text"]
    [secret] = found["open-secret"]
    assert secret["subject"] == str(server.key) and "mode 0644" in secret["text"]


def test_a_dead_reader_that_producers_wait_for_is_told_with_the_command_that_ends_it(house):
    def leat(*arguments):
        return house.run(LEAT, *arguments)

    assert leat("pub", "jobs", "--policy=block", "--capacity=64KiB", "first").returncode == 0
    assert leat("sub", "jobs", "--name=books", "--count=1").returncode == 0
    assert "dead-reader" not in doctor(house, status=0)
    with subprocess.Popen([LEAT, "pub", "jobs", "--size=1000", "--rate=100k"], env=house.environment) as producer:
        found = wait_until(lambda: is_error(house, "dead-reader"), "it holds the producer back", pause=0.2)
        assert "leat channels --forget jobs books" in found["remedy"]
        assert leat("channels", "--forget", "jobs", "books").returncode == 0
        producer.send_signal(signal.SIGINT)
    assert "dead-reader" not in doctor(house, "shm://jobs", status=0)


def is_error(house, code):
    for finding in json.loads(house.run(LEAT, "doctor", "--json", "shm://jobs").stdout):
        if finding["code"] == code and finding["grade"] == "error":
            return finding
    return None


def test_a_killed_gateway_is_told_until_it_is_started_again(house, gateway):
    running = gateway("\n".join(bridge(listen=house.ipc("quotes"))))
    running.process.kill()
    running.process.wait()
    [finding] = doctor(house, status=1)["gateway-dead"]
    assert finding["subject"] == "gateway test"
    running.start()
    assert "gateway-dead" not in doctor(house, status=0)


def test_a_bridge_that_cannot_start_is_told(house, gateway):
    """Its port is taken after the check: by another gateway, as the doctor finds out by itself."""
    url = f"tcp://127.0.0.1:{free_port()}"
    gateway("\n".join(bridge(listen=url)))
    file = configuration(house, *bridge(listen=url), name="second")
    [finding] = doctor(house, "-c", file, status=1)["port-taken"]
    assert "leatd worker (pid " in finding["remedy"]


def test_full_memory_is_told_with_what_fills_it(house):
    unshare = ["unshare", "--mount"] + (["--map-root-user"] if os.getuid() else [])
    folder = house.path("small")
    folder.mkdir()
    house.environment["LEAT_SHM_DIR"] = str(folder)
    script = f"mount -t tmpfs -o size=1m tmpfs {folder} || exit 99; head -c 1000000 /dev/zero > {folder}/big; {LEAT} doctor --json"
    answer = house.run(*unshare, "sh", "-c", script)
    if answer.returncode == 99 or "unshare" in answer.stderr:
        pytest.skip(f"no tmpfs can be mounted here: {answer.stderr.strip()}")
    [full] = [finding for finding in json.loads(answer.stdout) if finding["code"] == "memory-full"]
    assert full["grade"] == "error" and "big" in full["text"] and answer.returncode == 1


def test_a_plugin_folder_that_is_missing_or_open_to_all_is_told_beside_the_rest(house):
    folder = house.path("plugins")
    found = doctor_without_plugins(house, folder)
    assert "No such file" in found["plugin-folder"]["text"] and "memory" in found
    folder.mkdir()
    folder.chmod(0o777)
    assert "can be written by everyone" in doctor_without_plugins(house, folder)["plugin-folder"]["text"]


def doctor_without_plugins(house, folder):
    answer = house.run(LEAT, "doctor", "--json", f"--plugin-dir={folder}")
    assert answer.returncode == 1, answer.stdout + answer.stderr
    return {finding["code"]: finding for finding in json.loads(answer.stdout)}


def test_a_worker_that_was_killed_is_told(house, gateway):
    running = gateway("\n".join(bridge(listen=house.ipc("quotes"))))
    os.kill(running.bridge("quotes")["worker_pid"], signal.SIGKILL)
    wait_until(lambda: running.bridge("quotes")["restarts"] == 1 and running.bridge("quotes")["worker_pid"], "it is back")
    [finding] = doctor(house, status=1)["bridge-restarts"]
    assert finding["subject"] == "bridge test/quotes" and "started again 1 times" in finding["text"]


CREATED_NS = 136  # where a segment says when it was made (sdk/src/layout.h)


def make_older(file, days):
    with open(file, "r+b") as segment:
        segment.seek(CREATED_NS)
        [made] = struct.unpack("<Q", segment.read(8))
        segment.seek(CREATED_NS)
        segment.write(struct.pack("<Q", made - days * 86400 * 10**9))


def test_a_stale_channel_is_removed_by_repair_once_nobody_has_it_open(house):
    house.writer("old").close()
    make_older(house.shm / "leat.old", days=3)
    user = house.reader("old")
    [finding] = doctor(house, "--repair", "shm://old", status=1)["stale"]
    assert finding["repair"] == "none" and (house.shm / "leat.old").exists(), "it is read, though no slot says so"
    user.close()
    [finding] = doctor(house, "shm://old", status=1)["stale"]
    assert finding["repair"] == "possible" and "for 3 days" in finding["text"]
    [finding] = doctor(house, "--repair", "shm://old", status=0)["stale"]
    assert finding["repair"] == "done" and not (house.shm / "leat.old").exists()


def test_a_configuration_that_is_not_there_is_a_finding_too(house):
    assert "configuration" in doctor(house, "-c", house.path("none.ini"), status=1)
