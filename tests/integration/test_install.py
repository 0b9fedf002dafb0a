"""Installed into a folder and run from there: programs, plugins, headers, configuration, man pages."""

import os
import shutil
import subprocess

import pytest

from channel import Reader
from support import BUILD, tcp, wait_until


def one(folder, pattern):
    [found] = folder.rglob(pattern)
    return found


def test_what_is_installed_is_whole(staged):
    assert {"leatd", "leat"} <= {file.name for file in (staged / "bin").iterdir()}
    assert {file.stem for file in staged.rglob("leat/plugins/*.so")} >= {"shm", "pubsub", "pipeline", "tcp", "ipc", "inproc"}
    assert (staged / "include/leat/channel.h").exists()
    assert (staged / "include/leat/request.h").exists()
    assert one(staged, "leat.ini").parent.name == "leat"
    assert len(list(staged.rglob("examples/*.ini"))) >= 5
    assert {one(staged, name).parent.name for name in ("tail.c", "orders.cc", "arrays.py", "mqtt.c")} == {"c", "cpp", "python", "mqtt"}
    assert one(staged, "leatd.8")


def test_a_staged_gateway_carries_a_message(house, staged):
    configuration = house.path("staged.ini")
    url = tcp()
    configuration.write_text(
        f"[gateway]\nname = staged\n[bridge.in]\npattern = pipeline\ndirection = in\n"
        f"channel = shm://in\nlisten = {url}\n"
    )
    daemon = house.start(staged / "bin/leatd", "-c", configuration)
    books = wait_until(lambda: house.run(staged / "bin/leat", "ledger", "staged").returncode == 0, "the gateway runs")
    assert books
    reader = house.reader("in")
    if not shutil.which("nngcat"):
        pytest.skip("nngcat is not installed (Debian package nng-utils)")
    house.run("nngcat", "--push", "--dial", url, "--data", "hello")
    assert reader.read() == (b"hello", 0)
    daemon.terminate()
    assert daemon.wait(20) == 0


def test_a_program_builds_against_the_installed_headers_and_library(house, staged):
    source = house.path("user.c")
    source.write_text(
        "#include <leat/channel.h>\n"
        'int main(void) { struct leat_writer *w; if (leat_writer_open(&w, "x", NULL)) return 1;\n'
        '  int e = leat_publish(w, "hi", 2, 0, 0); leat_writer_close(w); return e ? 1 : 0; }\n'
    )
    library = one(staged, "libleat.so").parent
    program = house.path("user")
    sanitizers = [f"-fsanitize={os.environ['LEAT_SANITIZE']}"] if os.environ.get("LEAT_SANITIZE") else []
    subprocess.run(
        ["cc", *sanitizers, f"-I{staged}/include", source, "-o", program, f"-L{library}", "-lleat", f"-Wl,-rpath,{library}"],
        check=True,
    )
    assert house.run(program).returncode == 0
    assert Reader(house.shm, "x").read() == (b"hi", 0)
