"""A broken plugin is refused with a sentence, and takes nothing with it: leatd ends with 78, the checker's crash included. One that does
wrong only later costs its own bridge, and no other."""

import re
import signal
import subprocess

import pytest

from support import BUILD, LEATD, PATIENCE, drops, wait_until

BROKEN = BUILD / "broken-plugins"
UNFINISHED = 75  # leatd's status when a bridge did not end in time
MISBEHAVING = BUILD / "misbehaving-plugins"
CHANNELS = ["hangs", "keeps-open", "loses", "never-ends", "oversleeps", "trusts-memory"]
TRANSPORTS = ["completes-twice", "never-completes"]
PATTERNS = ["crashes", "impure", "leaks", "prints", "scribbles", "skips-too-much", "two-symbols", "unbounded", "wrong-reason"]

# What the gateway says of some of them. Others do their wrong at moments that do not come here.
SAYS = {
    "crashes": "worker of bridge 'broken' was killed by SIGSEGV; starting it again",
    "hangs": "its lane hangs://where gave no sign of life for ",
}


def names():
    return sorted(file.stem for file in BROKEN.glob("*.so")) or ["(none were built)"]


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("arguments", [["--check"], []], ids=["check", "start"])
def test_a_broken_plugin_is_refused_with_a_sentence(house, name, arguments):
    configuration = house.path("broken.ini")
    configuration.write_text(
        f"[gateway]\nname = broken\nplugin_dir = {BROKEN}\n[bridge.one]\npattern = {name}\ndirection = out\n"
        "channel = shm://one\nlisten = tcp://127.0.0.1:1\n"
    )
    answer = house.run(LEATD, *arguments, "-c", configuration)
    assert answer.returncode == 78, answer.stderr
    [line] = [line for line in answer.stderr.splitlines() if line.startswith(f"{configuration}:") and name in line]
    assert re.match(rf"{re.escape(str(configuration))}:\d+: \S.{{20,}}", line)
    assert not list(house.shm.glob("leat*")), "something was started"


def plugin_folder(house, name):
    """Ours, and that one."""
    folder = house.path("plugins")
    folder.mkdir()
    for file in [*(BUILD / "plugins").glob("*.so"), MISBEHAVING / f"{name}.so"]:
        (folder / file.name).symlink_to(file)
    return folder


def broken_bridge(house, name):
    if name in CHANNELS:
        return f"pattern = pipeline\ndirection = out\nchannel = {name}://where\nlisten = {house.ipc('broken')}"
    if name in TRANSPORTS:
        return f"pattern = pipeline\ndirection = out\nchannel = shm://broken\nlisten = inproc-{name}://where"
    return f"pattern = {name}\ndirection = out\nchannel = shm://broken\nlisten = {house.ipc('broken')}"


def gateway_with(house, name):
    # A sanitizer leaves crashes on purpose to their ordinary end.
    house.environment["ASAN_OPTIONS"] = "handle_segv=0"
    return house.gateway(
        f"[gateway]\nname = test\nplugin_dir = {plugin_folder(house, name)}\ndrain_timeout = 500ms\nstall_timeout = 1s\n"
        f"[bridge.broken]\n{broken_bridge(house, name)}\n"
        f"[bridge.fine]\npattern = pubsub\ndirection = out\nchannel = shm://fine\nlisten = {house.ipc('fine')}\n",
        wait=False,  # a bridge may never start
    )


def read_by(gateway, name):
    """How many messages a bridge's lane has read; 0 while there is no such lane."""
    page = gateway.page() or {"bridges": []}
    return sum(lane["read"] for bridge in page["bridges"] if bridge["name"] == name for lane in bridge["lanes"])


@pytest.mark.parametrize("name", [*CHANNELS, *TRANSPORTS, *PATTERNS])
def test_a_plugin_that_misbehaves_costs_its_own_bridge_and_no_other(house, name):
    for channel in ("broken", "fine"):
        house.writer(channel)
    gateway = gateway_with(house, name)
    for number in range(20):
        for end in house.ends:
            end.publish(bytes(number))
    wait_until(lambda: read_by(gateway, "fine") == 20, f"the bridge beside {name} carries on\n{gateway.log()}")
    wait_until(lambda: SAYS.get(name, "") in gateway.log(), f"the gateway says what {name} does")
    assert gateway.process.poll() is None
    assert (gateway.bridge("fine")["state"], gateway.bridge("fine")["restarts"]) == ("running", 0)
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(PATIENCE) in (0, UNFINISHED), gateway.log()


def test_the_log_names_the_plugin_that_crashed_and_the_place(house):
    writer = house.writer("broken")
    gateway = gateway_with(house, "crashes")
    writer.publish(b"the first")
    place = re.compile(r"error +bridge broken: crashed with SIGSEGV in (\S+/crashes\.so)\+0x([0-9a-f]+), called by leatd\+0x[0-9a-f]+")
    found = wait_until(lambda: place.search(gateway.log()), f"the worker's last words\n{gateway.log()}")
    answer = subprocess.run(["addr2line", "-fe", found[1], found[2]], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[0] == "outward", "the slot that raises the signal"


def test_a_reason_that_does_not_exist_is_an_error_in_the_books(house):
    writer = house.writer("broken")
    gateway = gateway_with(house, "wrong-reason")
    for number in range(20):
        writer.publish(bytes(number))
    wait_until(lambda: read_by(gateway, "broken") == 20, "all are read")
    [lane] = gateway.wait_for_balance("broken")
    assert drops(lane) == {"error": 4, "no_peer": 16}


@pytest.mark.parametrize("name, why", [("hang-load", "hang-load"), ("unlinked", "undefined symbol: leat_strerror")])
def test_what_can_only_be_loaded_elsewhere_or_never_is_refused(house, name, why):
    configuration = house.path("broken.ini")
    configuration.write_text(
        f"[gateway]\nname = broken\nplugin_dir = {MISBEHAVING}\n[bridge.one]\npattern = {name}\ndirection = out\n"
        "channel = shm://one\nlisten = tcp://127.0.0.1:1\n"
    )
    answer = house.run(LEATD, "-c", configuration, seconds=60)
    assert answer.returncode == 78 and why in answer.stderr, answer.stderr
