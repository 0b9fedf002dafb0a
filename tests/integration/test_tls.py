"""TLS: who is let in and who is not, with programs that know nothing of leat, and what the user is told."""

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
