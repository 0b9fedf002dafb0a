"""TLS: who is let in and who is not, with programs that know nothing of leat, and what the user is told."""

import random
import shutil
import socket
import ssl
import subprocess

import pytest

import sp
from certificates import Authority, openssl
from support import LEATD, free_port, wait_until

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")


@pytest.fixture
def ca(tmp_path):
    return Authority(tmp_path, "test-ca")


def listener(url, identity, *lines):
    """A bridge that brings in what is pushed to it."""
    return "\n".join(
        [
            "[bridge.in]",
            "pattern = pipeline",
            "direction = in",
            "channel = shm://in",
            f"listen = {url}",
            f"tls.cert = {identity.certificate}",
            f"tls.key = {identity.key}",
            *lines,
        ]
    )


def tls_url(host="127.0.0.1"):
    return f"tls+tcp://{host}:{free_port()}"


def port_of(url):
    return int(url.rsplit(":", 1)[1].split("/")[0])


def client_context(authority, identity=None, version=None):
    """Python's own TLS, which is no nng at all."""
    context = ssl.create_default_context(cafile=authority.certificate)
    if identity:
        context.load_cert_chain(identity.certificate, identity.key, identity.password)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def push(url, context, data, name="localhost"):
    """One message as nng sends it."""
    with socket.create_connection(("127.0.0.1", port_of(url)), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname=name) as sock:
            connection = sp.Connection(sock, sp.PUSH)
            sock.sendall(len(data).to_bytes(8, "big") + data)
            return connection.peer, sock.version()


def is_refused(url, context):
    """With TLS 1.3 a client learns only afterwards that its certificate was refused."""
    try:
        push(url, context, b"never")
    except (ssl.SSLError, ConnectionError, OSError):
        return True
    return False


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("kind", ["ec", "rsa", "ed25519"])
def test_both_versions_and_all_kinds_of_keys(house, gateway, ca, version, kind):
    url = tls_url()
    gateway(listener(url, ca.issue("localhost", "DNS:localhost", kind=kind)))
    peer, spoken = push(url, client_context(ca, version=version), b"hello")
    assert (peer, spoken) == (sp.PULL, version.name.replace("TLSv1_", "TLSv1."))
    assert house.reader("in").read()[0] == b"hello"


def test_the_recipe_of_the_notes(house, gateway, pynng, tmp_path):
    openssl(
        *("req", "-x509", "-newkey", "rsa:4096", "-keyout", "key.pem", "-out", "cert.pem", "-days", "365", "-nodes"),
        *("-subj", "/CN=localhost"),
        cwd=tmp_path,
    )
    url = tls_url("localhost")
    gateway(f"""
        [bridge.in]
        pattern = pipeline
        direction = in
        channel = shm://in
        listen = {url}
        tls.cert = {tmp_path}/cert.pem
        tls.key = {tmp_path}/key.pem
        """)
    config = pynng.TLSConfig(
        pynng.TLSConfig.MODE_CLIENT, ca_string=(tmp_path / "cert.pem").read_text(), server_name="localhost"
    )
    with pynng.Push0(tls_config=config, dial=url) as pusher:
        pusher.send(b"as in the notes")
        assert house.reader("in").read()[0] == b"as in the notes"


def test_only_the_right_certificate_is_let_in(house, gateway, ca, tmp_path):
    url = tls_url()
    strangers = Authority(tmp_path, "strangers")
    running = gateway(
        listener(url, ca.issue("localhost", "DNS:localhost"), f"tls.ca = {ca.certificate}", "tls.allow = desk-1, desk-2")
    )
    refused = {
        "it has shown no certificate": None,
        "unable to get local issuer certificate (peer CN=desk-1)": strangers.issue("desk-1"),
        "certificate has expired (peer CN=desk-2)": ca.issue("desk-2", starts=-9, ends=-2),
        "none of its names is in tls.allow (peer CN=desk-3)": ca.issue("desk-3"),
    }
    for reason, identity in refused.items():
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            assert is_refused(url, client_context(ca, identity, version)), reason
        wait_until(lambda: reason in running.log(), f"the log says why\n{running.log()}")
        assert running.log().count(reason) == 1, "once, not per retry"
    push(url, client_context(ca, ca.issue("desk-1")), b"by name")
    push(url, client_context(ca, ca.issue("other", "DNS:x.example,DNS:desk-2")), b"by alternative name")
    reader = house.reader("in")
    assert [reader.read()[0], reader.read()[0]] == [b"by name", b"by alternative name"]
    assert "handshake with 127.0.0.1 failed: " in running.log()


def run_s_client(url, authority, *arguments):
    """What `openssl s_client` says; -brief goes to stderr."""
    answer = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port_of(url)}", "-CAfile", str(authority.certificate)]
        + ["-verify_return_error", "-brief", *arguments],
        input="", capture_output=True, text=True, timeout=20,
    )
    return answer.stdout + answer.stderr


def test_openssl_s_client_gets_what_it_asks_for(house, gateway, ca):
    url = tls_url()
    gateway(listener(url, ca.issue("localhost", "DNS:localhost,IP:127.0.0.1")))
    for version in ("1.2", "1.3"):
        said = run_s_client(url, ca, f"-tls{version.replace('.', '_')}", "-verify_hostname", "localhost")
        assert f"Protocol version: TLSv{version}" in said and "Verification: OK" in said, said
    assert "alert" in run_s_client(url, ca, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")


def test_the_oldest_version_may_be_raised(house, gateway, ca):
    url = tls_url()
    running = gateway(listener(url, ca.issue("localhost"), "tls.min_version = 1.3"))
    assert "Protocol version: TLSv1.3" in run_s_client(url, ca, "-tls1_3")
    assert "alert protocol version" in run_s_client(url, ca, "-tls1_2")
    wait_until(lambda: "it has no version of TLS that is allowed here" in running.log(), "the log says so")


@pytest.mark.parametrize("scheme", ["tls+tcp", "wss"])
def test_pynng_and_a_gateway_authenticate_each_other(house, gateway, pynng, ca, scheme):
    url = f"{scheme}://127.0.0.1:{free_port()}" + ("/in" if scheme == "wss" else "")
    gateway(listener(url, ca.issue("localhost", "DNS:localhost"), f"tls.ca = {ca.certificate}", "tls.allow = desk"))
    client = ca.issue("desk")
    config = pynng.TLSConfig(
        pynng.TLSConfig.MODE_CLIENT,
        ca_files=[str(ca.certificate)],
        cert_key_file=str(client.both),
        server_name="localhost",
    )
    with pynng.Push0(tls_config=config, dial=url) as pusher:
        pusher.send(b"from a desk")
        assert house.reader("in").read()[0] == b"from a desk"


@pytest.mark.parametrize("scheme", ["tls+tcp", "wss"])
def test_a_gateway_dials_pynng(house, gateway, pynng, ca, scheme):
    url = f"{scheme}://localhost:{free_port()}" + ("/out" if scheme == "wss" else "")
    server = ca.issue("localhost", "DNS:localhost")
    config = pynng.TLSConfig(
        pynng.TLSConfig.MODE_SERVER,
        ca_files=[str(ca.certificate)],
        cert_key_file=str(server.both),
        auth_mode=pynng.TLSConfig.AUTH_MODE_REQUIRED,
    )
    own = ca.issue("gateway", password="a b#c")
    (house.folder / "pass").write_text("a b#c\n")
    writer = house.writer("out")
    with pynng.Pull0(tls_config=config, listen=url, recv_timeout=10000) as puller:
        gateway(f"""
            [bridge.out]
            pattern = pipeline
            direction = out
            channel = shm://out
            dial = {url}
            tls.ca = {ca.certificate}
            tls.cert = {own.both}
            tls.key_password = ${{file:{house.folder}/pass}}
            tls.allow = localhost
            """)
        writer.publish(b"out there")
        assert puller.recv() == b"out there"


def two_ends(url, server, out_lines, in_lines=()):
    return "\n".join(
        [
            listener(url, server, *in_lines),
            "[bridge.out]",
            "pattern = pipeline",
            "direction = out",
            "channel = shm://out",
            f"dial = {url}",
            *out_lines,
        ]
    )


@pytest.mark.parametrize(
    "alternatives, host, lines, reason",
    [
        ("DNS:localhost", "localhost", [], None),
        ("IP:127.0.0.1", "127.0.0.1", [], None),
        ("DNS:other.example", "127.0.0.1", ["tls.server_name = other.example"], None),
        ("DNS:*.other.example", "127.0.0.1", ["tls.server_name = a.other.example"], None),
        ("DNS:other.example", "127.0.0.1", ["tls.server_name = *"], None),
        ("DNS:other.example", "localhost", [], "hostname mismatch (peer CN=server)"),
        ("DNS:localhost", "127.0.0.1", [], "IP address mismatch (peer CN=server)"),
        ("IP:127.0.0.2", "127.0.0.1", [], "IP address mismatch (peer CN=server)"),
        ("DNS:localhost", "localhost", ["tls.allow = client"], "none of its names is in tls.allow (peer CN=server)"),
        ("DNS:localhost", "localhost", ["tls.allow = server"], None),
    ],
)
def test_a_dialler_wants_the_right_name(house, gateway, ca, alternatives, host, lines, reason):
    writer = house.writer("out")
    running = gateway(
        two_ends(tls_url(host), ca.issue("server", alternatives), [f"tls.ca = {ca.certificate}", *lines])
    )
    writer.publish(b"to whom it concerns")
    if reason:
        wait_until(lambda: reason in running.log(), f"the log says why\n{running.log()}")
        assert running.log().count("its certificate is refused") == 1
        assert "dialling goes on" in running.log()
        wait_until(lambda: "bridge in: tls: handshake with 127.0.0.1 failed: it " in running.log(), "the other end too")
        assert running.bridge("out")["peers"] == 0
    else:
        assert house.reader("in").read()[0] == b"to whom it concerns"


def test_a_dialler_trusts_no_stranger(house, gateway, ca, tmp_path):
    strangers = Authority(tmp_path, "strangers")
    house.writer("out")
    url = tls_url("localhost")
    running = gateway(two_ends(url, strangers.issue("s", "DNS:localhost"), [f"tls.ca = {ca.certificate}"]))
    wait_until(lambda: "unable to get local issuer certificate (peer CN=s)" in running.log(), "the log says why")


def test_a_chain_of_authorities(house, gateway, tmp_path, ca):
    middle = Authority(tmp_path, "middle", above=ca)
    url = tls_url()
    gateway(listener(url, middle.issue("localhost", "DNS:localhost", chain=[middle])))
    push(url, client_context(ca), b"over two steps")
    assert house.reader("in").read()[0] == b"over two steps"


def test_a_chain_is_as_good_as_each_of_its_certificates(house, gateway, tmp_path, ca):
    """And a certificate is good for its purpose alone."""
    old = Authority(tmp_path, "old", above=ca, starts=-9, ends=-2)
    url = tls_url()
    running = gateway(listener(url, ca.issue("localhost", "DNS:localhost"), f"tls.ca = {ca.certificate}"))
    refused = {
        "certificate has expired (peer CN=desk-1)": old.issue("desk-1", chain=[old]),
        "certificate purpose (peer CN=desk-2)": ca.issue("desk-2", purpose="serverAuth"),
    }
    for reason, identity in refused.items():
        assert is_refused(url, client_context(ca, identity)), reason
        wait_until(lambda: reason in running.log(), f"the log says why\n{running.log()}")
    push(url, client_context(ca, ca.issue("desk-3", purpose="clientAuth")), b"as a client")
    assert house.reader("in").read()[0] == b"as a client"


def test_a_dialler_believes_no_client(house, gateway, ca):
    house.writer("out")
    server = ca.issue("desk", "DNS:localhost", purpose="clientAuth")
    running = gateway(two_ends(tls_url("localhost"), server, [f"tls.ca = {ca.certificate}"]))
    wait_until(lambda: "certificate purpose (peer CN=desk)" in running.log(), f"the log says why\n{running.log()}")
    assert running.bridge("out")["peers"] == 0


def test_a_certificate_may_be_trusted_by_itself(house, gateway, ca):
    """Not the authority behind it: what else that vouches for is not let in."""
    url, desk = tls_url(), ca.issue("desk")
    running = gateway(listener(url, ca.issue("localhost", "DNS:localhost"), f"tls.ca = {desk.certificate}"))
    assert is_refused(url, client_context(ca, ca.issue("desk")))
    wait_until(lambda: "its certificate is refused: " in running.log(), "the log says why")
    push(url, client_context(ca, desk), b"the very one")
    assert house.reader("in").read()[0] == b"the very one"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_every_connection_proves_anew_who_it_is(gateway, ca, version):
    """A session that could be resumed would stand for a certificate, which may not be allowed any more."""
    url = tls_url()
    gateway(listener(url, ca.issue("localhost", "DNS:localhost"), f"tls.ca = {ca.certificate}"))
    context, session = client_context(ca, ca.issue("desk"), version), None
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", port_of(url)), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as sock:
                sp.Connection(sock, sp.PUSH)
                assert not sock.session_reused
                session = sock.session
                assert version == ssl.TLSVersion.TLSv1_2 or not session.has_ticket


@pytest.mark.parametrize("scheme", ["tls+tcp", "wss"])
def test_what_is_no_tls_leaves_the_bridge_running(house, gateway, ca, scheme):
    url = f"{scheme}://127.0.0.1:{free_port()}" + ("/in" if scheme == "wss" else "")
    running = gateway(listener(url, ca.issue("localhost", "DNS:localhost")))
    pid = running.bridge("in")["worker_pid"]
    rubbish = [b"", sp.hello(sp.PUSH), b"GET /in HTTP/1.1\r\nHost: localhost\r\nUpgr", b"\x16\x03\x01", b"\xff" * 70000]
    rubbish += [random.Random(seed).randbytes(seed * 37 % 2000 + 1) for seed in range(100)]
    for data in rubbish:
        with socket.create_connection(("127.0.0.1", port_of(url)), timeout=10) as sock:
            try:
                sock.sendall(data)
            except ConnectionError:
                pass
    context = client_context(ca)
    for data in rubbish:  # the same behind a handshake that went well
        try:
            with socket.create_connection(("127.0.0.1", port_of(url)), timeout=10) as plain:
                with context.wrap_socket(plain, server_hostname="localhost") as sock:
                    sock.sendall(data)
        except OSError:
            pass
    wait_until(lambda: "what it sends is not TLS" in running.log(), f"the log says so\n{running.log()}")
    assert "it speaks HTTP without TLS" in running.log()
    assert running.log().count("handshake with") < 12, running.log()
    assert running.bridge("in")["worker_pid"] == pid, "the worker was not restarted"
    if scheme == "tls+tcp":
        push(url, context, b"still there")
        assert house.reader("in").read()[0] == b"still there"


def check(house, text):
    file = house.path("checked.ini")
    file.write_text(f"[gateway]\nname = checked\n{text}\n")
    answer = house.run(LEATD, "--check", "-c", file)
    return answer.returncode, answer.stdout + answer.stderr


def wrong_files(ca, folder):
    """What is wrong, as lines of a listening bridge, and what the user is told."""
    good, other = ca.issue("good"), ca.issue("other")
    locked = ca.issue("locked", password="secret")
    (folder / "text.pem").write_text("no certificate at all\n")
    (folder / "torn.pem").write_text(good.certificate.read_text()[:-200] + "\n-----END CERTIFICATE-----\n")
    (folder / "folder").mkdir()
    pair = f"tls.cert = {good.certificate}\ntls.key = {good.key}\n"
    return [
        ("", "tls.cert: must be set when listening"),
        ("tls.cert = /nowhere/at/all.pem", "tls.cert = /nowhere/at/all.pem: cannot be read: No such file or directory"),
        (f"tls.cert = {folder}/folder", "cannot be read: Is a directory"),
        (f"tls.cert = {folder}/text.pem", "is no PEM file: no line in it starts with -----BEGIN"),
        (f"tls.cert = {good.key}", "holds no certificate"),
        (f"tls.cert = {folder}/torn.pem\ntls.key = {good.key}", "its certificate number 1 is damaged: "),
        (f"tls.cert = {good.certificate}", f"tls.cert = {good.certificate}: holds no private key"),
        (f"tls.cert = {good.certificate}\ntls.key = {good.certificate}", "tls.key = "),
        (f"tls.cert = {good.certificate}\ntls.key = /nowhere", "tls.key = /nowhere: cannot be read: No such file"),
        (f"tls.cert = {good.certificate}\ntls.key = {other.key}", "the private key does not belong to the certificate"),
        (f"tls.cert = {locked.certificate}\ntls.key = {locked.key}", "the private key is encrypted; tls.key_password must"),
        (
            f"tls.cert = {locked.both}\ntls.key_password = guess",
            "tls.key_password = (secret): is not the pass phrase of the private key",
        ),
        (f"tls.cert = {ca.issue('old', starts=-9, ends=-2).both}", "the certificate expired on "),
        (f"tls.cert = {ca.issue('young', starts=5, ends=9).both}", "the certificate is not valid before "),
        (pair + "tls.ca = /nowhere.pem", "tls.ca = /nowhere.pem: cannot be read: No such file"),
        (pair + f"tls.ca = {good.key}", f"tls.ca = {good.key}: holds no certificate"),
        (pair + "tls.verify = required", "tls.verify = required: needs tls.ca when listening"),
        (pair + "tls.allow = a", "tls.allow = a: needs tls.ca: names count only in certificates"),
        (pair + f"tls.ca = {ca.certificate}\ntls.verify = optional\ntls.allow = a", "needs tls.verify = required"),
        (f"tls.key = {good.key}", "is of no use without tls.cert"),
        (pair + "tls.verify = maybe", "tls.verify = maybe: "),
    ]


def test_check_says_what_is_wrong_with_certificates(house, ca):
    for lines, sentence in wrong_files(ca, house.folder):
        text = f"[bridge.b]\npattern = pair\ndirection = both\nchannel = shm://b\nlisten = {tls_url()}\n{lines}"
        status, said = check(house, text)
        assert status != 0 and sentence in said, f"{lines}\nexpected: {sentence}\n{said}"
        assert "guess" not in said
        assert "BEGIN ENCRYPTED" not in said


def test_check_warns_of_what_expires_soon(house, tmp_path):
    ca = Authority(tmp_path, "test-ca", ends=20)
    soon = ca.issue("soon", ends=5.5)
    soon.key.chmod(0o644)
    text = listener(f"{tls_url()}, {tls_url()}", soon, f"tls.ca = {ca.certificate}")
    status, said = check(house, text)
    assert status == 0, said
    assert said.count(f"{soon.certificate}: the certificate expires in 5 days, on ") == 1
    assert said.count(f"{ca.certificate}: the authority CN=test-ca expires on ") == 1
    assert said.count(f"{soon.key}: every user of this host may read this private key (mode 644)") == 1


def test_check_knows_what_a_dialler_needs(house, ca):
    dial = "[bridge.b]\npattern = pipeline\ndirection = out\nchannel = shm://b\ndial = tls+tcp://h.example:1\n"
    assert check(house, dial)[0] == 0, "nothing: the host's authorities vouch for the listener"
    for lines, sentence in [
        ("tls.server_name = *", "tls.server_name = *: '*' needs tls.ca"),
        ("tls.server_name =", "tls.server_name"),
        ("tls.allow =", "tls.allow"),
        ("tls.verify = none\ntls.allow = a", "needs tls.verify = required"),
        ("tls.reconnect_min = 2s", "must not be below reconnect_min"),
        (f"tls.key = {ca.key}", "is of no use without tls.cert"),
    ]:
        status, said = check(house, dial + lines)
        assert status != 0 and sentence in said, said


@pytest.mark.skipif(not shutil.which("nngcat"), reason="nngcat is not installed (Debian package nng-utils)")
def test_nngcat_needs_the_right_certificate(house, gateway, ca, tmp_path):
    url = tls_url("localhost")
    running = gateway(
        listener(url, ca.issue("localhost", "DNS:localhost"), f"tls.ca = {ca.certificate}", "tls.allow = cat")
    )
    stranger, dog, cat = Authority(tmp_path, "strangers").issue("cat"), ca.issue("dog"), ca.issue("cat")
    for identity, reason in (
        (stranger, "unable to get local issuer certificate (peer CN=cat)"),
        (dog, "none of its names is in tls.allow (peer CN=dog)"),
    ):
        push_by_nngcat(house, url, ca, identity, "woof", 4)  # it tries for so long
        wait_until(lambda: reason in running.log(), f"the log says why\n{running.log()}")
    push_by_nngcat(house, url, ca, cat, "meow", 20)
    assert house.reader("in").read()[0] == b"meow"


def push_by_nngcat(house, url, authority, identity, text, patience):
    house.run(
        *("nngcat", "--push", "--dial", url, "--cacert", authority.certificate, "--cert", identity.certificate),
        *("--key", identity.key, "--data", text, "--send-timeout", str(patience), "--delay", "1"),
        seconds=40,
    )


def test_wss_beyond_this_host_needs_a_safe_nng(house, ca):
    """nng before 1.6 can be corrupted by one request, inside of TLS too."""
    text = listener(f"wss://0.0.0.0:{free_port()}/in", ca.issue("localhost"))
    status, said = check(house, text)
    if status != 0:  # an older nng
        assert "take the risk with tls.accept_unsafe_nng = yes" in said
    assert check(house, text + "\ntls.accept_unsafe_nng = yes")[0] == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_dialler_that_is_refused_says_so_once(house, gateway, ca, version):
    """With TLS 1.3 it learns so only after its own handshake went well."""
    server = ca.issue("localhost", "DNS:localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    context.load_verify_locations(ca.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = version
    house.writer("out")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        running = gateway(f"""
            [bridge.out]
            pattern = pipeline
            direction = out
            channel = shm://out
            dial = tls+tcp4://localhost:{listening.getsockname()[1]}
            tls.ca = {ca.certificate}
            tls.reconnect_max = 100ms
            """)
        for _ in range(5):
            accepted, _ = listening.accept()
            with accepted, pytest.raises(ssl.SSLError):
                context.wrap_socket(accepted, server_side=True)
    refused, gone = "it refuses this end: ", "it hung up"  # a reset may overtake the word
    wait_until(lambda: refused in running.log() or gone in running.log(), f"the log says so\n{running.log()}")
    assert running.log().count(refused) <= 1 and running.log().count(gone) <= 1, running.log()
