"""leat plugin new against the installed SDK alone: what it makes builds with make and with CMake, passes its own test, installs, and runs."""

import os
import subprocess

import pytest

KINDS = ["channel", "pattern", "transport"]


def in_folder(house, folder, *command, fails=False):
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=house.environment, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done


def new(house, kind, name):
    in_folder(house, house.path("."), "leat", "plugin", "new", "--kind", kind, name)
    return house.path(name)


@pytest.mark.parametrize("kind", KINDS)
def test_make_builds_tests_and_installs_it(house, staged, kind):
    folder = new(house, kind, "my-own")
    tested = in_folder(house, folder, "make", "test", "CFLAGS=-O2 -Wall -Wextra -Wshadow -Wconversion -Wpedantic -Werror")
    assert "not ok" not in tested.stdout and "0 failed" in tested.stdout, tested.stdout
    in_folder(house, folder, "make", "install", f"DESTDIR={house.path('root')}")
    [installed] = house.path("root").rglob("my-own.so")
    assert installed.parent.name == "plugins" and installed.parent.parent.name == "leat"


@pytest.mark.parametrize("kind", KINDS)
def test_cmake_builds_tests_and_installs_it(house, staged, kind):
    folder = new(house, kind, "mine2")
    in_folder(house, folder, "cmake", "-B", "build", f"-DCMAKE_PREFIX_PATH={staged}")
    in_folder(house, folder, "cmake", "--build", "build")
    how = ["--output-on-failure"] if kind == "pattern" else ["--show-only"]  # the same suite as above: once is enough
    tested = in_folder(house, folder, "ctest", "--test-dir", "build", *how)
    assert "100% tests passed, 0 tests failed out of 1" in tested.stdout or "Total Tests: 1" in tested.stdout
    in_folder(house, folder, "cmake", "--install", "build")
    shown = in_folder(house, folder, "leat", "plugins", "mine2").stdout
    assert "mine2" in shown and "Example:" in shown


def test_three_new_plugins_carry_a_message_together(house, gateway, staged):
    """A channel, a pattern and a transport that nobody has changed: in one worker through the channel, then to another worker."""
    for kind, name in zip(KINDS, ["mem", "sized", "packets"]):
        in_folder(house, new(house, kind, name), "make", "install")
    [plugins] = {file.parent for file in staged.rglob("packets.so")}
    way, socket = house.ipc("way"), house.path("there.sock")
    running = gateway(f"""
        [gateway]
        name = test
        plugin_dir = {plugins}
        [bridge.start]
        pattern = pipeline
        direction = out
        channel = shm://start
        dial = {way}
        [bridge.in]
        pattern = pipeline
        direction = in
        channel = mem://between
        listen = {way}
        worker = one
        [bridge.out]
        pattern = sized
        direction = out
        channel = mem://between
        listen = packets://{socket}
        worker = one
        [bridge.end]
        pattern = sized
        direction = in
        channel = shm://end
        dial = packets://{socket}
        """)
    running.wait_for_peers("out", 1)
    house.writer("start").publish(b"hello")
    assert house.reader("end").read() == (b"hello", 0)


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([], "which name?"),
        (["mine"], "which kind?"),
        (["--kind", "chanel", "mine"], "did you mean 'channel'?"),
        (["--kind", "channel", "Mine"], "is no name for a plugin"),
        (["--kind", "channel", "../mine"], "is no name for a plugin"),
        (["--kind", "transport", "my_own"], "which has no '_'"),
        (["--kind", "channel", "mine", "yours"], "one argument too many"),
        (["--kind", "channel", "--directory", "no/where", "mine"], "No such file"),
    ],
)
def test_a_mistake_is_one_sentence(house, staged, arguments, says):
    refused = in_folder(house, house.path("."), "leat", "plugin", "new", *arguments, fails=True)
    assert says in refused.stderr


def test_an_option_that_does_not_fit_its_member_does_not_compile(house, staged):
    folder = new(house, "pattern", "mine")
    source = (folder / "mine.c").read_text()
    (folder / "mine.c").write_text(source.replace("uint64_t smallest,", "uint32_t narrow, smallest; uint64_t"))
    refused = in_folder(house, folder, "make", fails=True)
    assert "member 'smallest' is not what an option of type LEAT_OPTION_SIZE fills" in refused.stderr.replace("\\", "")


@pytest.mark.skipif("LEAT_SANITIZE" in os.environ, reason="two sanitizers do not go together")
def test_make_sanitize_names_the_line_that_writes_where_it_must_not(house, staged):
    folder = new(house, "pattern", "mine")
    in_folder(house, folder, "make", "sanitize")
    source = (folder / "mine.c").read_text()
    broken = source.replace("*out = self;", "*out = self;\n    ((volatile char *)self)[sizeof *self] = 1;")
    (folder / "mine.c").write_text(broken)
    line = broken[: broken.index("volatile char")].count("\n") + 1
    refused = in_folder(house, folder, "make", "sanitize", "CFLAGS=-g", fails=True)
    assert f"in create {folder}/mine.c:{line}" in refused.stdout, refused.stdout


def test_what_is_there_is_not_overwritten(house, staged):
    folder = new(house, "channel", "mine")
    (folder / "mine.c").write_text("precious")
    refused = in_folder(house, house.path("."), "leat", "plugin", "new", "--kind", "channel", "mine", fails=True)
    assert "exists; nothing was written" in refused.stderr
    assert (folder / "mine.c").read_text() == "precious"
