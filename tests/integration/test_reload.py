"""A changed configuration is applied to the bridges that it changes, and to no other; one that is wrong, or whose bridges do not come to
serve, changes nothing."""

import contextlib
import json
import os
import random
import signal
import socket
import time

import pytest

from killing import Load
from support import BUILD, LEAT, free_port, is_alive, note, tcp, wait_until

RELOADS = int(os.environ.get("LEAT_RELOADS", "40"))


def bridge(name, url=None, **keys):
    lines = {"pattern": "pubsub", "direction": "out", "channel": f"shm://{name}", "listen": url or tcp(), **keys}
    return f"[bridge.{name}]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items())


def write(gateway, *sections):
    gateway.configuration.write_text("".join(["[gateway]\nname = test\n", *sections]))


def actions(answer):
    return {step["bridge"]: step["action"] for step in answer["steps"]}


def workers(gateway):
    return {bridge["name"]: bridge["worker_pid"] for bridge in gateway.page()["bridges"]}


@pytest.fixture
def two(house):
    """quotes and orders, in a gateway."""
    house.writer("quotes"), house.writer("orders")
    quotes, orders = bridge("quotes"), bridge("orders")
    return house.gateway(quotes + orders), quotes, orders


def test_a_plan_says_what_a_reload_does_and_does_nothing(two):
    gateway, quotes, orders = two
    before = workers(gateway)
    write(gateway, quotes, "receive_limit = 1MiB\n", bridge("trades"))
    plan = gateway.order("plan")
    assert plan["ok"] and actions(plan) == {"quotes": "restart", "trades": "start", "orders": "stop"}
    assert plan["steps"][0]["reason"] == "receive_limit: (not set) -> 1MiB (test.ini:8)"
    assert workers(gateway) == before

    answer = gateway.order("reload")
    assert answer["ok"] and answer["steps"] == plan["steps"] and answer["generation"] == 2
    after = workers(gateway)
    assert set(after) == {"quotes", "trades"} and after["quotes"] != before["quotes"]
    assert not is_alive(before["orders"])


def test_a_bridge_that_is_not_touched_keeps_its_worker_and_loses_nothing(house):
    load = Load(house, "steady")
    gateway = house.gateway(load.section() + bridge("other"))
    [worker] = [pid for name, pid in workers(gateway).items() if name == "steady"]
    load.wait_for_progress()
    for number in range(5):
        write(gateway, load.section(), bridge("other"), bridge(f"new-{number}"))
        assert gateway.order("reload")["ok"]
        load.wait_for_progress()
    load.finish()
    assert workers(gateway)["steady"] == worker
    assert gateway.bridge("steady")["restarts"] == 0


def test_counters_of_a_restarted_bridge_go_on(two):
    gateway, quotes, orders = two
    writer = gateway.house.ends[0]
    for _ in range(10):
        writer.publish(b"tick")
    wait_until(lambda: gateway.lane("quotes")["read"] == 10, "ten are read")
    write(gateway, quotes, "receive_limit = 1MiB\n", orders)
    assert gateway.order("reload")["ok"]
    writer.publish(b"tick")
    wait_until(lambda: gateway.lane("quotes")["read"] == 11, "one more")
    assert gateway.bridge("quotes")["restarts"] == 0, "it was asked to"


def test_sighup_reloads_too(two):
    gateway, quotes, orders = two
    write(gateway, quotes)
    gateway.send(signal.SIGHUP)
    wait_until(lambda: set(workers(gateway)) == {"quotes"}, "orders is gone")


def test_a_wrong_file_changes_nothing_and_is_told_whole(two):
    gateway, quotes, orders = two
    before = workers(gateway)
    write(gateway, quotes.replace("pubsub", "pubsup"), orders, "colour = red\n")
    answer = gateway.order("reload")
    assert not answer["ok"] and answer["generation"] == 1
    assert [problem["line"] for problem in answer["problems"]] == [4, 13]
    assert workers(gateway) == before
    human = gateway.house.run(LEAT, "reload", "test")
    assert human.returncode == 1 and f"{gateway.configuration}:13: " in human.stderr
    write(gateway, quotes, orders)
    assert gateway.order("reload")["ok"]
    assert workers(gateway) == before


def test_a_plan_with_another_file_leaves_the_gateways_own_alone(two, monkeypatch):
    gateway, quotes, orders = two
    draft = gateway.house.path("draft.ini")
    draft.write_text(f"[gateway]\nname = test\n{quotes}")
    monkeypatch.chdir(draft.parent)
    assert actions(gateway.order("plan", "-c", "draft.ini")) == {"quotes": "stay", "orders": "stop"}
    assert actions(gateway.order("plan")) == {"quotes": "stay", "orders": "stay"}
    draft.write_text(f"[gateway]\nname = test\n{quotes}colour = red\n")
    wrong = gateway.order("plan", "-c", draft)
    assert wrong["error"] == f"1 problem in {draft}" and wrong["problems"][0]["line"] == 8
    assert gateway.house.run(LEAT, "plan", "-c", "no such.ini", "test").returncode == 66
    assert "not reloaded" not in gateway.log()


def test_the_service_manager_hears_of_every_reload_and_of_no_plan(house):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(house.path("notify")))
        manager.settimeout(30)
        house.environment["NOTIFY_SOCKET"] = str(house.path("notify"))

        def hear():
            """The next of the words that tell where the gateway stands."""
            while True:
                word = manager.recv(4096).split(b"\n")[0].decode()
                if not word.startswith("STATUS="):
                    return word

        gateway = house.gateway(bridge("quotes"))
        assert hear() == "READY=1"
        assert gateway.order("plan")["ok"]
        for sections in ([bridge("quotes"), bridge("orders")], ["wrong"]):
            write(gateway, *sections)
            gateway.send(signal.SIGHUP)
            assert [hear(), hear()] == ["RELOADING=1", "READY=1"]
        assert gateway.stop() == 0
        assert hear() == "STOPPING=1"


def test_a_port_of_somebody_else_is_found_before_anything_is_touched(two):
    gateway, quotes, orders = two
    before = workers(gateway)
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port()))
        other.listen()
        write(gateway, bridge("quotes", f"tcp://127.0.0.1:{other.getsockname()[1]}"), orders)
        answer = gateway.order("reload")
    assert not answer["ok"] and "in use" in answer["problems"][0]["text"]
    assert workers(gateway) == before


def test_two_bridges_swap_their_ports(two):
    gateway, quotes, orders = two
    [here, there] = [section.split("listen = ")[1].strip() for section in (quotes, orders)]
    write(gateway, bridge("quotes", there), bridge("orders", here))
    answer = gateway.order("reload")
    assert answer["ok"], answer
    assert {one["name"]: one["urls"] for one in gateway.page()["bridges"]} == {"quotes": there, "orders": here}


@pytest.fixture
def refusing(house):
    """A folder with our plugins and one that is content when it is asked, and cannot be created then."""
    folder = house.path("plugins")
    folder.mkdir()
    for file in [*(BUILD / "plugins").glob("*.so"), BUILD / "misbehaving-plugins/refuses.so"]:
        (folder / file.name).symlink_to(file)
    house.environment["LEAT_PLUGIN_DIR"] = str(folder)
    return folder


@pytest.mark.parametrize("touch", ["a new one alone", "with another that is touched"])
def test_the_old_configuration_comes_back_whole_when_a_bridge_does_not_serve(refusing, two, touch):
    gateway, quotes, orders = two
    before = workers(gateway)
    bad = f"[bridge.bad]\npattern = refuses\ndirection = out\nchannel = shm://bad\nlisten = {gateway.house.ipc('bad')}\n"
    if touch == "a new one alone":
        write(gateway, quotes, orders, bad)
    else:  # quotes becomes the bad one itself: it has left already when that shows
        write(gateway, quotes.replace("pubsub", "refuses"), orders)
    answer = gateway.order("reload")
    assert not answer["ok"] and answer["generation"] == 1
    assert ("bridge 'bad'" if touch == "a new one alone" else "bridge 'quotes'") in answer["error"]
    assert "cannot be created" in answer["error"] and "again" not in answer["error"]
    after = workers(gateway)
    assert set(after) == {"quotes", "orders"} and after["orders"] == before["orders"]
    if touch == "a new one alone":
        assert after == before, "what is new is tried before anything else is touched"
    writer = gateway.house.ends[0]
    writer.publish(b"tick")
    wait_until(lambda: gateway.lane("quotes")["read"] >= 1, f"quotes serves again\n{gateway.log()}")
    write(gateway, quotes, orders)
    assert gateway.order("reload")["ok"]


def test_nonsense_on_the_control_socket_is_answered_and_costs_nothing(two):
    gateway, quotes, orders = two

    def ask(line, shut=True):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(gateway.house.sockets / "leat/test.sock"))
            client.sendall(line)
            if shut:
                client.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: client.recv(65536), b""))

    assert b"unknown order" in ask(b'{"do": "sing"}\n')
    assert b"expected a line" in ask(b"\xff\xfe garbage\n")
    assert b"from the root" in ask(b'{"do": "plan", "config": "test.ini"}\n')
    assert b"goes with plan alone" in ask(b'{"do": "reload", "config": "/etc/passwd"}\n')
    assert b"more than" in ask(b"x" * 5000, shut=False)
    assert ask(b"") == b""
    crowd = [socket.socket(socket.AF_UNIX) for _ in range(40)]
    for client in crowd:
        client.connect(str(gateway.house.sockets / "leat/test.sock"))
        with contextlib.suppress(BrokenPipeError):  # so many at once are turned away
            client.sendall(b'{"do": "re')

    def is_served():
        with contextlib.suppress(OSError):  # turned away
            lines = ask(b'{"do": "plan"}\n').splitlines()
            return lines and json.loads(lines[-1]).get("ok")

    wait_until(is_served, "one of those that ask nothing gives way", pause=0.1)
    for client in crowd:
        client.close()


def test_a_secret_does_not_leave_by_the_control_socket(house):
    house.path("word").write_text("abracadabra-0123456789")
    admin = f"admin = http://127.0.0.1:{free_port()}\nadmin_token = ${{file:word}}\n"
    gateway = house.gateway("[gateway]\nname = test\n" + admin + bridge("quotes"))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(house.sockets / "leat/test.sock"))
        client.sendall(b'{"do": "config"}\n')
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    [token] = [entry for entry in json.loads(answer)["config"]["entries"] if entry["key"] == "admin_token"]
    assert token["secret"] and b"abracadabra" not in answer

    house.path("word").write_text("another-abracadabra-0123")
    plan = gateway.order("plan")
    assert plan["notes"] == ["[gateway] admin_token: another (secret) (test.ini:4)"]


def test_a_control_socket_has_the_mode_that_it_is_given(house):
    path = house.sockets / "edge.sock"
    gateway = house.gateway(f"[gateway]\nname = test\ncontrol = {path}\ncontrol_mode = 0660\n" + bridge("quotes"))
    assert path.stat().st_mode & 0o777 == 0o660
    assert gateway.order("plan")["ok"]
    gateway.stop()
    assert not path.exists()


# ---- again and again --------------------------------------------------------------------------------------------------


def draw_bridges(urls):
    """Some of the bridges, at any of their ports, alone or in one worker: what is valid, and what a page has of it."""
    names = [name for name in sorted(urls) if random.random() < 0.6]
    ports = random.sample(sorted(urls.values()), len(names))
    sections = [
        bridge(name, url, direction=random.choice(["in", "out"]), receive_limit=f"{random.randint(1, 3)}MiB",
               worker=random.choice([name, name, "pool"]))
        for name, url in zip(names, ports)
    ]
    return "".join(sections), dict(zip(names, ports))


def refuse(text, house):
    """A file that is valid, and one of whose bridges does not come to serve: one that was there, or a new one."""
    if "= out" in text and random.random() < 0.5:
        return text.replace("pattern = pubsub\ndirection = out", "pattern = refuses\ndirection = out", 1)
    return text + f"[bridge.bad]\npattern = refuses\ndirection = out\nchannel = shm://bad\nlisten = {house.ipc('bad')}\n"


def spoil(text):
    """A file with something wrong in it."""
    return random.choice([
        text.replace("pubsub", "pubsup", 1) if "pubsub" in text else text + "[bridge.x]\n",
        text + "[bridge.quotes\n",
        text + "[bridge.more]\npattern = pubsub\n",
        text + "[gateway]\ncolour = red\n",
        text[: len(text) // 2] + "\n=\n",
    ])


def resources(pid):
    with open(f"/proc/{pid}/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return {"descriptors": len(os.listdir(f"/proc/{pid}/fd")), "threads": int(lines["Threads"]), "kib": int(lines["VmRSS"].split()[0])}


def check_resources(start, end, bridges):
    for pid, before in start.items():
        # One for each bridge that there is now and was not then: its pidfd.
        assert end[pid]["descriptors"] <= before["descriptors"] + bridges, (start, end)
        assert end[pid]["threads"] == before["threads"], (start, end)
        if "LEAT_SANITIZE" not in os.environ:  # which keeps what is freed for a while, and finds leaks itself at the end
            assert end[pid]["kib"] <= before["kib"] + 2048, (start, end)


def test_reloads_under_load_end_in_the_last_valid_file(refusing, house):
    seed = int(os.environ.get("LEAT_SEED", time.time_ns()))
    print(f"LEAT_SEED={seed}")
    random.seed(seed)
    load = Load(house, "steady")
    gateway = house.gateway(load.section())
    steady = "[gateway]\nname = test\n" + "\n".join(line.strip() for line in load.section().splitlines()) + "\n"
    # An address of our own: nobody else takes a port there while its bridge is not in the file.
    address = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.1"
    urls = {f"b{number}": f"tcp://{address}:{free_port()}" for number in range(4)}
    valid, generation, took = {}, 1, {"valid": [], "wrong": [], "refused": []}
    last_valid = house.path("last-valid.ini")
    last_valid.write_text(steady)
    worker, supervisor = workers(gateway)["steady"], gateway.process.pid
    for number in range(RELOADS):
        text, wanted = draw_bridges(urls)
        kind = random.choices(["valid", "wrong", "refused"], [6, 3, 1])[0]
        make = {"valid": lambda text: text, "wrong": spoil, "refused": lambda text: refuse(text, house)}[kind]
        gateway.configuration.write_text(steady + make(text) if kind != "wrong" else make(steady + text))
        began = time.monotonic()
        answer = gateway.order("reload")
        took[kind].append(time.monotonic() - began)
        assert answer["ok"] == (kind == "valid"), (number, answer, gateway.configuration.read_text())
        if answer["ok"]:
            valid, generation = wanted, generation + 1
            last_valid.write_text(steady + text)
        assert answer["generation"] == generation and bool(answer["problems"]) == (kind == "wrong"), (number, answer)
        page = {one["name"]: one["urls"] for one in gateway.page()["bridges"] if one["worker_pid"]}
        assert page.pop("steady") and page == valid, (number, answer)
        if number % 10 == 0:
            load.wait_for_progress()
            assert set(actions(gateway.order("plan", "-c", last_valid)).values()) == {"stay"}
        if number == min(RELOADS // 4, 100):
            start = {pid: resources(pid) for pid in (supervisor, worker)}
    end = {pid: resources(pid) for pid in (supervisor, worker)}
    sent, again = load.finish()
    assert again == 0 and workers(gateway)["steady"] == worker and gateway.bridge("steady")["restarts"] == 0
    check_resources(start, end, len(urls))
    assert gateway.stop() in (0, 75)
    times = ", ".join(f"{len(all)} {kind} ({sum(all) / len(all):.3f} s in the mean)" for kind, all in took.items() if all)
    note(f"{RELOADS} reloads under load: {times}; {sent} messages beside them, none lost; supervisor "
         f"{start[supervisor]['kib']} to {end[supervisor]['kib']} KiB")
