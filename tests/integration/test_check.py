"""`leatd --check` on configurations that are right, beside gateways that run."""

import os
import shutil
import signal
import tempfile
import time

import pytest

from sp import PULL, Connection
from support import LEAT, LEATD, House, free_port, is_alive, wait_until

BRIDGE = """
[bridge.one]
pattern = pubsub
direction = out
channel = shm://one
listen = {url}
"""


def check(house, name, text):
    file = house.path(f"{name}-checked.ini")
    file.write_text(f"[gateway]\nname = {name}\n{text}")
    return house.run(LEATD, "--check", "-c", file)


def test_what_is_right_is_called_valid_and_leaves_nothing_behind(house):
    port, other = free_port(), free_port()
    text = BRIDGE.format(url=f"tcp://127.0.0.1:{port}") + BRIDGE.replace("one", "two").format(url=f"tcp://127.0.0.1:{other}")
    answer = check(house, "quiet", text)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "configuration is valid: 2 bridges\n", "")
    assert list(house.shm.iterdir()) == []


def test_a_port_that_this_gateway_serves_is_no_mistake(house, gateway):
    url = f"tcp://127.0.0.1:{free_port()}"
    running = gateway(BRIDGE.format(url=url), name="edge")
    before = running.bridge("one")["worker_pid"]
    same = check(house, "edge", BRIDGE.format(url=url))
    assert (same.returncode, same.stderr) == (0, "")
    another = check(house, "another", BRIDGE.format(url=url))
    assert another.returncode == 78
    assert f"listen = {url}: port {url.rsplit(':', 1)[1]} is in use" in another.stderr
    assert running.bridge("one")["worker_pid"] == before, "the running gateway was disturbed"


def test_what_else_is_wrong_with_an_address_that_this_gateway_serves_is_found(house, gateway):
    """Its port is no mistake, also not under another scheme; a certificate that is not there is."""
    port = free_port()
    gateway(BRIDGE.format(url=f"tcp://127.0.0.1:{port}"), name="edge")
    text = BRIDGE.format(url=f"tls+tcp://127.0.0.1:{port}") + "tls.cert = /nowhere.pem\n"
    answer = check(house, "edge", text)
    assert answer.returncode == 78
    assert "tls.cert = /nowhere.pem" in answer.stderr and "in use" not in answer.stderr, answer.stderr


def test_a_path_more_on_a_websocket_port_that_this_gateway_serves_is_no_mistake(house, gateway):
    url = f"ws://127.0.0.1:{free_port()}/one"
    one = BRIDGE.format(url=url) + "worker = web\n"
    gateway(one, name="edge")
    two = one.replace("one", "two")
    answer = check(house, "edge", one + two)
    assert (answer.returncode, answer.stderr) == (0, "")
    another = check(house, "another", two)
    assert another.returncode == 78 and "is in use" in another.stderr


def test_a_wrong_file_changes_nothing_about_a_running_gateway(house, gateway):
    url = f"tcp://127.0.0.1:{free_port()}"
    running = gateway(BRIDGE.format(url=url), name="edge")
    before = running.bridge("one")["worker_pid"]
    answer = check(house, "edge", BRIDGE.format(url=url).replace("pubsub", "pubsbu"))
    assert answer.returncode == 78 and "did you mean 'pubsub'?" in answer.stderr
    assert running.bridge("one")["worker_pid"] == before
    assert running.stop() == 0


def test_a_check_ends_no_worker_of_a_gateway_that_was_killed(house, gateway):
    """A worker that outlived its gateway, here because it is stopped while it drains, has its port until the next one starts."""
    url = f"tcp://127.0.0.1:{free_port()}"
    text = BRIDGE.replace("pubsub", "pipeline").format(url=url)
    house.produce("one", "--policy", "block", "--sizes", "60000-65000")
    running = gateway(f"[gateway]\nname = edge\n{text}", name="edge")
    deaf = Connection.dial(url, PULL)

    def is_full():
        before = running.lane("one")["forwarded"]
        time.sleep(0.1)
        return before == running.lane("one")["forwarded"] and running.lane("one")["in_flight"] > 0

    wait_until(is_full, "it has something to drain")
    worker = running.bridge("one")["worker_pid"]
    running.send(signal.SIGKILL)
    running.process.wait()
    os.kill(worker, signal.SIGSTOP)  # not before: the kernel wakes what is stopped when its parent dies

    answer = check(house, "edge", text)

    assert (answer.returncode, answer.stderr) == (0, "")
    assert is_alive(worker)
    assert check(house, "another", text).returncode == 78, "nobody has the port"
    running.start()
    assert not is_alive(worker)
    deaf.close()


def test_a_file_that_may_not_be_read_is_not_called_missing(house):
    """A user's mistake (no sudo) and not an installation without a configuration. Root may read all but what it loops on."""
    folder = house.path("closed")
    folder.mkdir()
    file = folder / "leat.ini"
    if os.getuid():
        folder.chmod(0)
        why = "Permission denied"
    else:
        file.symlink_to(file)
        why = "Too many levels of symbolic links"
    answer = house.run(LEATD, "--check", "-c", file)
    folder.chmod(0o700)
    assert answer.returncode == 78
    assert "cannot be read" in answer.stderr and why in answer.stderr, answer.stderr
    assert "there is no configuration file" not in answer.stderr
    missing = house.run(LEATD, "--check", "-c", house.path("missing.ini"))
    assert missing.returncode == 78 and "there is no configuration file here" in missing.stderr


def as_nobody(house, *command):
    """The command as a user who owns nothing here; None where that cannot be."""
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("needs root, and setpriv")
    answer = house.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command)
    if "failed to execute" in answer.stderr:
        pytest.skip("the build folder is not open to another user")
    return answer


def test_channels_that_this_user_may_not_use_are_warned_of():
    with tempfile.TemporaryDirectory(prefix="leat-test-") as folder:  # pytest's own are closed to other users
        os.chmod(folder, 0o755)
        house = House(folder)
        os.chmod(house.shm, 0o755)
        for name, mode in {"ours": "0600", "shown": "0644", "open": "0666"}.items():
            assert house.run(LEAT, "pub", name, "x", "--mode", mode, *(["--policy", "block"] if name == "shown" else [])).returncode == 0
        file = house.path("leat.ini")
        out = BRIDGE.format(url=f"tcp://127.0.0.1:{free_port()}")
        file.write_text("".join(out.replace("one", name).replace("127.0.0.1", f"127.0.0.{at}") for at, name in enumerate(("ours", "shown", "open"), 1)))
        answer = as_nobody(house, LEATD, "--check", "-c", file)
        house.close()
    assert answer.returncode == 0, answer.stderr
    assert "channel 'ours': what is there cannot be used" in answer.stderr, answer.stderr
    assert "channel 'shown': belongs to root, and this user may not write to it (mode 0644), as a reader of a block channel" in answer.stderr
    assert "'open'" not in answer.stderr


def test_the_command_line_overrides_the_log_level(house, gateway):
    file = house.path("loud.ini")
    file.write_text(f"[gateway]\nname = loud\nlog_level = error\n{BRIDGE.format(url=f'tcp://127.0.0.1:{free_port()}')}")
    log = house.path("loud.log")
    with open(log, "w") as out:
        process = house.start(LEATD, "--log-level=debug", "-c", file, stderr=out)
    wait_until(lambda: "bridge one" in log.read_text(), "a worker logs below the level of the configuration")
    process.terminate()
    assert process.wait(20) == 0
