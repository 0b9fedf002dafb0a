"""One bridge, one socket, many URLs: listening on every transport at once and dialling besides. Each subscriber gets each message,
whichever way it came, and each publisher is heard."""

import socket
import subprocess

import pytest

from support import free_port

MESSAGES = 500
SOON = {"recv_timeout": 20_000, "recv_buffer_size": 8192}


@pytest.fixture
def certificate(house):
    """cert.pem and key.pem beside the configuration, for localhost."""
    request = "req -x509 -newkey rsa:2048 -keyout key.pem -out cert.pem -days 30 -nodes -subj /CN=localhost"
    subprocess.run(["openssl", *request.split()], cwd=house.folder, check=True, capture_output=True)
    return str(house.path("cert.pem"))


@pytest.fixture
def ways(house):
    """A URL of each kind."""
    return {
        "tcp4": f"tcp4://127.0.0.1:{free_port()}",
        "tcp6": f"tcp6://[::1]:{free_port(socket.AF_INET6, '::1')}",
        "ipc": house.ipc("many"),
        "abstract": f"abstract://{house.shm.name}",
        "ws": f"ws://127.0.0.1:{free_port()}/many",
        "ws6": f"ws6://[::1]:{free_port(socket.AF_INET6, '::1')}/many",
        "tls": f"tls+tcp://localhost:{free_port()}",
    }


def how(pynng, kind, certificate):
    """What a peer needs besides the URL."""
    if kind != "tls":
        return {}
    return {"tls_config": pynng.TLSConfig(pynng.TLSConfig.MODE_CLIENT, server_name="localhost", ca_files=certificate)}


def bridge(direction, ways, dials):
    return f"""
        [bridge.many]
        pattern = pubsub
        direction = {direction}
        channel = shm://many
        listen = {", ".join(ways.values())}
        dial = {", ".join(dials)}
        tls.cert = cert.pem
        tls.key = key.pem
        """


def test_every_subscriber_gets_every_message_whichever_way_it_came(house, gateway, pynng, ways, certificate):
    dials = [f"tcp://127.0.0.1:{free_port()}", house.ipc("dialled")]
    running = gateway(bridge("out", ways, dials))
    subscribers = [pynng.Sub0(dial=url, topics=b"", **SOON, **how(pynng, kind, certificate)) for kind, url in ways.items()]
    subscribers += [pynng.Sub0(listen=url, topics=b"", **SOON) for url in dials]
    running.wait_for_peers("many", len(ways) + len(dials))
    writer = house.writer("many")
    expected = [b"%d" % number for number in range(MESSAGES)]
    for message in expected:
        writer.publish(message)
    for subscriber in subscribers:
        assert [subscriber.recv() for _ in expected] == expected
        subscriber.close()
    [lane] = running.wait_for_balance("many")
    assert lane["read"] == lane["forwarded"] == MESSAGES


def test_every_publisher_is_heard_whichever_way_it_came(house, gateway, pynng, ways, certificate):
    dials = [f"tcp://127.0.0.1:{free_port()}", house.ipc("dialled")]
    running = gateway(bridge("in", ways, dials))
    publishers = {kind: pynng.Pub0(dial=url, **how(pynng, kind, certificate)) for kind, url in ways.items()}
    publishers.update({url: pynng.Pub0(listen=url) for url in dials})
    running.wait_for_peers("many", len(publishers))
    for name, publisher in publishers.items():
        publisher.send(name.encode())
    reader = house.reader("many")
    assert {reader.read()[0].decode() for _ in publishers} == set(publishers)
    for publisher in publishers.values():
        publisher.close()


def test_one_url_that_cannot_be_had_is_named_among_many(house, ways, certificate):
    """The check finds it, and says which; the others are not to blame."""
    from support import LEATD

    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        house.path("many.ini").write_text("\n".join(line.strip() for line in bridge("out", {**ways, "taken": url}, [url]).splitlines()))
        answer = house.run(LEATD, "--check", "-c", house.path("many.ini"))
    assert answer.returncode == 78
    assert answer.stderr.count("listen") == 1 and url in answer.stderr, answer.stderr
