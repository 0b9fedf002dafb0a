"""Who may become a peer of a bridge (allow, deny, max_peers), on every transport, and what the operator sees of those who may not.
Certificates that change while the bridge runs."""

import os
import pwd
import shutil
import socket
import ssl
import time

import pytest

import handshake
import sp
from certificates import Authority
from support import LEATD, free_port, wait_until

ELSEWHERE = "127.0.0.9"  # all of 127/8 is this host
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")


def bridge(url, *lines):
    return "\n".join(
        ["[bridge.in]", "pattern = pipeline", "direction = in", "channel = shm://in", f"listen = {url}", *lines, ""]
    )


def connect(url, source="127.0.0.1", context=None):
    """A plain socket, or one with TLS, from that address of this host."""
    port = int(url.rsplit(":", 1)[1].split("/")[0])
    sock = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))
    return context.wrap_socket(sock, server_hostname="localhost") if context else sock


def knock(url, source="127.0.0.1", context=None, data=b"knock"):
    """Comes as a pusher with one message; whether it was let in, as far as it can tell."""
    try:
        if url.startswith("ipc"):
            connection = sp.Connection.dial(url, sp.PUSH)
        elif url.startswith("ws"):
            peer = handshake.Peer(connect(url, source, context), True)
            peer.upgrade(url, "pull.sp.nanomsg.org")
            connection = peer
        else:
            connection = sp.Connection(connect(url, source, context), sp.PUSH)
        connection.send(data)
        connection.sock.settimeout(0.3)
        connection.sock.recv(1)  # a pusher is told nothing but goodbye
        return False
    except (TimeoutError, socket.timeout):
        return True  # nothing came, and nobody hung up
    except (ConnectionError, ssl.SSLError, handshake.Refused):
        return False


def denied(gateway):
    return gateway.bridge("in")["denied"]


@pytest.mark.parametrize("scheme", ["tcp", "ws"])
@pytest.mark.parametrize(
    "rules, here, there",
    [
        (["allow = 127.0.0.1"], True, False),
        (["allow = 127.0.0.0/29"], True, False),
        (["allow = 127.0.0.0/8, ::1"], True, True),
        (["deny = 127.0.0.9"], True, False),
        (["allow = 127.0.0.0/8", "deny = 127.0.0.8/29"], True, False),
        (["allow = 10.0.0.0/8"], False, False),
        (["allow = uid:0"], False, False),
    ],
    ids=lambda value: " and ".join(value) if isinstance(value, list) else None,
)
def test_addresses(house, gateway, scheme, rules, here, there):
    url = f"{scheme}://127.0.0.1:{free_port()}" + ("/in" if scheme == "ws" else "")
    running = gateway(bridge(url, *rules))
    assert knock(url) == here
    assert knock(url, ELSEWHERE) == there
    refused = 2 - here - there
    wait_until(lambda: denied(running) == refused, f"{refused} were refused")


def test_a_local_peer_is_known_by_its_user(house, gateway):
    me = pwd.getpwuid(os.getuid()).pw_name
    for number, (rule, admitted) in enumerate(
        [(f"allow = uid:{os.getuid()}", True), (f"allow = user:{me}", True), (f"deny = user:{me}", False), ("allow = uid:4711", False), ("allow = 127.0.0.1", False)]
    ):
        url = house.ipc(f"s{number}")
        running = gateway(bridge(url, rule), name=f"g{number}")
        assert knock(url) == admitted, rule
        wait_until(lambda running=running, admitted=admitted: denied(running) == (not admitted), rule)
        running.stop()


def test_no_more_peers_than_there_may_be(house, gateway):
    url = f"tcp://127.0.0.1:{free_port()}"
    running = gateway(bridge(url, "max_peers = 2"))
    first, second = (sp.Connection.dial(url, sp.PUSH) for _ in range(2))
    running.wait_for_peers("in", 2)
    assert not knock(url)
    wait_until(lambda: denied(running) == 1, "the third was refused")
    first.close()
    running.wait_for_peers("in", 1)
    assert knock(url)
    second.close()


def test_what_the_operator_sees_of_a_flood(house, gateway):
    url = f"tcp://127.0.0.1:{free_port()}"
    running = gateway(bridge(url, "deny = 127.0.0.0/8"))
    for _ in range(50):
        knock(url)
    wait_until(lambda: denied(running) == 50, "all were counted")
    lines = [line for line in running.log().splitlines() if "refused" in line]
    assert len(lines) == 1, lines
    assert "peer 127.0.0.1 is refused: deny = 127.0.0.0/8" in lines[0]
    assert running.bridge("in")["peers"] == 0


def test_a_dialled_peer_is_asked_too(house, gateway):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        running = gateway(bridge(url, "deny = 127.0.0.1").replace("listen", "dial"))
        peer, _ = server.accept()
        connection = sp.Connection(peer, sp.PUSH)
        assert connection.sock.recv(1) == b""
        wait_until(lambda: denied(running) > 0, "it was refused")


def trusting(authority, identity=None):
    context = ssl.create_default_context(cafile=authority.certificate)
    if identity:
        context.load_cert_chain(identity.certificate, identity.key)
    return context


def with_tls(url, identity, authority, *rules):
    return bridge(url, f"tls.cert = {identity.certificate}", f"tls.key = {identity.key}", f"tls.ca = {authority.certificate}", *rules)


@needs_openssl
@pytest.mark.parametrize("scheme", ["tls+tcp", "wss"])
@pytest.mark.parametrize(
    "rules, desk, other",
    [
        (["allow = name:desk.example"], True, False),
        (["allow = name:*.EXAMPLE"], True, True),
        (["deny = name:lab.example"], True, False),
        (["allow = name:desk.example, 127.0.0.1"], True, False),
        (["allow = name:desk.example, 10.0.0.0/8"], False, False),
        (["allow = name:*.desk.example"], False, False),
    ],
    ids=lambda value: " and ".join(value) if isinstance(value, list) else None,
)
def test_names_in_certificates(house, gateway, tmp_path, scheme, rules, desk, other):
    ca = Authority(tmp_path, "ca")
    url = f"{scheme}://127.0.0.1:{free_port()}" + ("/in" if scheme == "wss" else "")
    running = gateway(with_tls(url, ca.issue("localhost", "DNS:localhost"), ca, *rules))
    assert knock(url, context=trusting(ca, ca.issue("someone", "DNS:desk.example"))) == desk
    assert knock(url, context=trusting(ca, ca.issue("lab.example"))) == other
    wait_until(lambda: denied(running) == 2 - desk - other, "those who were refused were counted")


@needs_openssl
def test_a_peer_without_a_certificate_has_no_name(house, gateway, tmp_path):
    ca = Authority(tmp_path, "ca")
    url = f"tls+tcp://127.0.0.1:{free_port()}"
    running = gateway(with_tls(url, ca.issue("localhost", "DNS:localhost"), ca, "tls.verify = optional", "allow = name:desk.example"))
    assert not knock(url, context=trusting(ca))
    wait_until(lambda: denied(running) == 1, "it was refused")
    assert knock(url, context=trusting(ca, ca.issue("desk.example")))


@needs_openssl
@pytest.mark.parametrize("scheme", ["tls+tcp", "wss"])
def test_the_books_have_the_name_in_a_peers_certificate(house, gateway, tmp_path, scheme):
    ca = Authority(tmp_path, "ca")
    url = f"{scheme}://127.0.0.1:{free_port()}" + ("/in" if scheme == "wss" else "")
    running = gateway(with_tls(url, ca.issue("localhost", "DNS:localhost"), ca))
    peer = connect(url, context=trusting(ca, ca.issue("desk-1")))
    if scheme == "wss":
        handshake.Peer(peer, True).upgrade(url, "pull.sp.nanomsg.org")
    else:
        sp.Connection(peer, sp.PUSH)

    def named():
        return [peer["name"] for peer in running.bridge("in")["peers_shown"]] == ["desk-1"]

    wait_until(named, f"the peer's name is in the books: {running.bridge('in')['peers_shown']}")
    peer.close()


def serial(url, authority):
    with connect(url, context=trusting(authority)) as sock:
        return sock.getpeercert()["serialNumber"], ssl.cert_time_to_seconds(sock.getpeercert()["notAfter"])


@needs_openssl
@pytest.mark.parametrize("scheme", ["tls+tcp", "wss"])
def test_a_certificate_that_changes_is_taken_without_a_restart(house, gateway, tmp_path, scheme):
    ca = Authority(tmp_path, "ca")
    old, new = ca.issue("localhost", "DNS:localhost", ends=20), ca.issue("localhost", "DNS:localhost", ends=50)
    live = tmp_path / "live.pem"
    shutil.copy(old.both, live)
    url = f"{scheme}://127.0.0.1:{free_port()}" + ("/in" if scheme == "wss" else "")
    running = gateway(bridge(url, f"tls.cert = {live}"))
    worker = running.bridge("in")["worker_pid"]
    before, until = serial(url, ca)
    assert running.bridge("in")["certificate_expires_ns"] == until * 10**9
    staying = sp.Connection(connect(url, context=trusting(ca)), sp.PUSH) if scheme == "tls+tcp" else None

    live.write_text("no certificate at all\n")
    wait_until(lambda: "certificates are not used" in running.log(), "a broken file is told")
    assert serial(url, ca)[0] == before
    assert running.bridge("in")["certificate_expires_ns"] == until * 10**9

    shutil.copy(new.both, tmp_path / "next.pem")
    os.replace(tmp_path / "next.pem", live)
    wait_until(lambda: serial(url, ca)[0] != before, "the new one is shown", pause=0.1)
    assert running.bridge("in")["certificate_expires_ns"] == serial(url, ca)[1] * 10**9
    if staying:
        staying.send(b"still here")
        assert house.reader("in").read()[0] == b"still here"
    assert running.bridge("in")["worker_pid"] == worker
    assert running.log().count("certificates are not used") == 1


@needs_openssl
def test_an_authority_that_changes_lets_others_in(house, gateway, tmp_path):
    ca, another = Authority(tmp_path, "ca"), Authority(tmp_path, "another")
    trusted = tmp_path / "trusted.pem"
    shutil.copy(ca.certificate, trusted)
    server, guest = ca.issue("localhost", "DNS:localhost"), another.issue("guest")
    url = f"tls+tcp://127.0.0.1:{free_port()}"
    gateway(bridge(url, f"tls.cert = {server.both}", f"tls.ca = {trusted}"))
    assert not knock(url, context=trusting(ca, guest))
    trusted.write_text(ca.certificate.read_text() + another.certificate.read_text())
    wait_until(lambda: knock(url, context=trusting(ca, guest)), "the guest is let in")


@pytest.mark.parametrize(
    "lines, said",
    [
        ("allow = 10.0.0.0/33", "expected a number from 0 to 32 behind the '/'"),
        ("deny = 10.0.0.1/8", "this network is written with more bits of its address than 8"),
        ("allow = hub.example", "expected an address (10.1.2.3, ::1), a network (10.0.0.0/8), user:NAME, uid:NUMBER or name:NAME"),
        ("allow = user:nobody-of-that-name", "there is no user 'nobody-of-that-name' on this host"),
        ("allow = name:desk.example", "nobody shows a certificate"),
        ("deny = name:desk.*", "expected a name behind 'name:'"),
        ("allow =", "an empty list"),
        ("max_peers = -1", "expected 0 to 1000000"),
    ],
)
def test_wrong_rules_are_refused(house, lines, said):
    file = house.path("leat.ini")
    file.write_text(bridge(f"tcp://127.0.0.1:{free_port()}", lines))
    answer = house.run(LEATD, "--check", "-c", file)
    assert answer.returncode == 78
    assert answer.stderr.startswith(f"{file}:6: [bridge.in] {lines.split()[0]}") and said in answer.stderr, answer.stderr


@needs_openssl
@pytest.mark.parametrize(
    "rule, verify, right",
    [
        ("allow = name:desk", [], False),
        ("deny = name:desk", [], False),
        ("allow = name:desk", ["tls.ca"], True),
        ("deny = name:desk", ["tls.ca"], True),
        ("allow = name:desk", ["tls.ca", "tls.verify = optional"], True),
        ("deny = name:desk", ["tls.ca", "tls.verify = optional"], False),
        ("deny = name:desk", ["tls.ca", "tls.verify = required"], True),
        ("allow = name:desk", ["tls.ca", "tls.verify = none"], False),
    ],
)
def test_names_count_where_somebody_vouches_for_them(house, tmp_path, rule, verify, right):
    ca = Authority(tmp_path, "ca")
    lines = [line.replace("tls.ca", f"tls.ca = {ca.certificate}") for line in verify]
    file = house.path("leat.ini")
    file.write_text(bridge(f"tls+tcp://127.0.0.1:{free_port()}", rule, f"tls.cert = {ca.issue('hub').both}", *lines))
    answer = house.run(LEATD, "--check", "-c", file)
    assert answer.returncode == (0 if right else 78), answer.stderr
    assert right or answer.stderr.startswith(f"{file}:6: [bridge.in] {rule}: names count only in certificates")


def come_together(url, count):
    """So many pushers whose greetings arrive at the same moment; those who were let in, when all is quiet."""
    sockets = [connect(url) for _ in range(count)]
    for sock in sockets:
        sock.sendall(b"\0SP\0\0\x50\0\0")
    inside = []
    for sock in sockets:
        assert sock.recv(8, socket.MSG_WAITALL) == b"\0SP\0\0\x51\0\0"
        sock.settimeout(0.05)
    time.sleep(0.3)
    for sock in sockets:
        try:
            assert sock.recv(1) == b""
            sock.close()
        except (TimeoutError, socket.timeout):
            inside.append(sock)
        except ConnectionError:
            sock.close()
    return inside


def test_many_who_come_at_once_find_no_more_room_than_there_is(house, gateway):
    url = f"tcp://127.0.0.1:{free_port()}"
    running = gateway(bridge(url, "max_peers = 3"))
    for turn in range(1, 11):
        inside = come_together(url, 20)
        assert len(inside) == 3
        wait_until(lambda turn=turn: denied(running) == 17 * turn, "the others were refused")
        for sock in inside:
            sock.close()
        running.wait_for_peers("in", 0)


def test_those_who_may_are_heard_while_others_storm(house, gateway):
    url = f"tcp://127.0.0.1:{free_port()}"
    running = gateway(bridge(url, "allow = 127.0.0.1"))
    reader = house.reader("in")
    worker = running.bridge("in")["worker_pid"]
    files = len(os.listdir(f"/proc/{worker}/fd"))
    friend = sp.Connection.dial(url, sp.PUSH)
    for number in range(200):
        with connect(url, ELSEWHERE) as stranger:
            stranger.sendall(b"\0SP\0\0\x50\0\0" + (5).to_bytes(8, "big") + b"wrong")
        friend.send(str(number).encode())
        assert reader.read()[0] == str(number).encode()
    assert running.bridge("in")["worker_pid"] == worker
    wait_until(lambda: len(os.listdir(f"/proc/{worker}/fd")) <= files + 1, "no descriptor is left behind")
    friend.send(b"last")
    assert reader.read()[0] == b"last", "and nothing of theirs"


@needs_openssl
def test_a_pipe_in_place_of_a_certificate_stops_nothing(house, gateway, tmp_path):
    ca = Authority(tmp_path, "ca")
    live, identity = tmp_path / "live.pem", ca.issue("localhost", "DNS:localhost")
    shutil.copy(identity.both, live)
    url = f"tls+tcp://127.0.0.1:{free_port()}"
    running = gateway(bridge(url, f"tls.cert = {live}"))
    before, _ = serial(url, ca)
    live.unlink()
    os.mkfifo(live)
    wait_until(lambda: "is no file" in running.log(), "it is told")
    assert serial(url, ca)[0] == before
    live.unlink()
    shutil.copy(ca.issue("localhost", "DNS:localhost").both, live)
    wait_until(lambda: serial(url, ca)[0] != before, "the new one is shown", pause=0.1)
