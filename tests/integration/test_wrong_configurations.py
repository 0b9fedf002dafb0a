"""Every wrong configuration in wrong/ is refused with exactly the messages beside it, by `leatd --check` and by `leatd`: exit status
78, nothing printed elsewhere, nothing started. A NAME.ini has them in NAME.expected, and perhaps drop-ins in NAME.conf.d; a
SUBJECT.table has many short ones:

    == what is wrong
    the configuration
    --
    the messages

In the files @NAME@ stands for what differs from run to run:
    @FILE@         the configuration itself               @DIR@      its folder
    @PORT@         a free tcp port                         @TAKEN@    one that somebody listens at
    @PLUGINS@      the plugins of this build               @TEST_PLUGINS@  those made for tests
    @BROKEN@/NAME  a folder of good plugins and the broken plugin NAME
    @OPEN@         a plugin folder that everyone may write
    @BOM@ @NUL@ @SOH@ @ESC@ @DEL@ @CR@ @LONG@   bytes that an editor would not keep
    @END@          the end of the file, without a newline

`LEAT_RECORD=1` writes the .expected files and the tables anew; read the difference before you believe it."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
from typing import NamedTuple

import pytest

BUILD = pathlib.Path(os.environ["LEAT_BUILD"])
LEATD = BUILD / "bin/leatd"
PLUGINS = BUILD / "plugins"
WRONG = pathlib.Path(__file__).resolve().parent / "wrong"
BYTES = {
    "@BOM@": "\ufeff",
    "@NUL@": "\0",
    "@SOH@": "\x01",
    "@ESC@": "\x1b",
    "@DEL@": "\x7f",
    "@CR@": "\r",
    "@LONG@": "topic, " * 160 + "topic",
    "@END@\n": "",
}


class Case(NamedTuple):
    name: str
    text: str
    expected: str
    file: pathlib.Path  # that the messages are recorded in
    drop_ins: pathlib.Path


def case_of(file):
    expected = file.with_suffix(".expected")
    return Case(file.stem, file.read_text(), expected.read_text(), expected, file.with_suffix(".conf.d"))


def cases_of(table):
    for block in re.split(r"^== ", table.read_text(), flags=re.M)[1:]:
        name, _, rest = block.partition("\n")
        text, _, expected = rest.partition("--\n")
        yield Case(f"{table.stem}: {name}", text, expected, table, table.with_suffix(".conf.d"))


CASES = [case_of(file) for file in sorted(WRONG.glob("*.ini"))]
CASES += [case for table in sorted(WRONG.glob("*.table")) for case in cases_of(table)]


def listener():
    return socket.create_server(("127.0.0.1", 0))


def broken_folder(folder, name):
    """The good plugins with a broken one among them."""
    shutil.copytree(PLUGINS, folder, ignore=lambda _, names: [n for n in names if not n.endswith(".so")])
    shutil.copy(BUILD / "broken-plugins" / f"{name}.so", folder)
    folder.chmod(0o755)


class Scene:
    """A configuration in a folder of its own, with everything that its placeholders stand for."""

    def __init__(self, case, folder):
        self.case = case
        self.folder = folder
        self.file = folder / f"{case.file.stem}.ini"
        self.shm = folder / "shm"
        self.shm.mkdir()
        self.taken = listener()
        with listener() as free:
            self.port = free.getsockname()[1]
        self.names = {
            "@FILE@": self.file,
            "@PORT@": self.port,
            "@TAKEN@": self.taken.getsockname()[1],
            "@TEST_PLUGINS@": BUILD / "test-plugins",
            "@PLUGINS@": PLUGINS,
            "@OPEN@": folder / "open",
            "@BROKEN@": folder / "broken",
            "@DIR@": folder,
        }
        self.write()

    def write(self):
        text = self.case.text
        self.file.write_text(self.fill({**self.names, **BYTES}, text), newline="")
        if self.case.drop_ins.exists():
            shutil.copytree(self.case.drop_ins, self.folder / "conf.d")
        if "@OPEN@" in text:
            shutil.copytree(PLUGINS, self.folder / "open")
            (self.folder / "open").chmod(0o777)
        for name in re.findall(r"@BROKEN@/(\S+)", text):
            broken_folder(self.folder / "broken" / name, name)

    @staticmethod
    def fill(names, text):
        for name, value in names.items():
            text = text.replace(name, str(value))
        return text

    def run(self, *arguments):
        environment = {**os.environ, "LEAT_SHM_DIR": str(self.shm), "LEAT_PLUGIN_DIR": str(PLUGINS), "LC_ALL": "C"}
        environment.pop("LEAT_TEST_UNDEFINED", None)
        # A sanitizer leaves crashes on purpose to their ordinary end.
        environment["ASAN_OPTIONS"] = f"{os.environ.get('ASAN_OPTIONS', '')}:handle_segv=0:handle_abort=0"
        return subprocess.run(
            [LEATD, *arguments, "-c", self.file], env=environment, cwd=self.folder, capture_output=True, text=True, timeout=60
        )

    def expected(self):
        return self.fill(self.names, self.case.expected)

    def record(self, text):
        for name, value in self.names.items():
            text = re.sub(rf"{re.escape(str(value))}(?![0-9])", name, text)
        file, case = self.case.file, self.case
        if file.suffix == ".table":
            name = case.name.partition(": ")[2]
            text = file.read_text().replace(f"== {name}\n{case.text}--\n{case.expected}", f"== {name}\n{case.text}--\n{text}")
        file.write_text(text)

    def is_listening(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self):
        self.taken.close()


@pytest.fixture
def scene(tmp_path, request):
    scene = Scene(request.param, tmp_path)
    yield scene
    scene.close()


@pytest.mark.parametrize("scene", CASES, indirect=True, ids=lambda case: case.name)
def test_a_wrong_configuration_is_refused_in_these_words(scene):
    checked = scene.run("--check")
    if os.environ.get("LEAT_RECORD"):
        scene.record(checked.stderr)
        return
    started = scene.run()
    for answer in (checked, started):
        assert answer.stderr == scene.expected()
        assert answer.returncode == 78
        assert answer.stdout == ""
    assert list(scene.shm.iterdir()) == [], "a page or a channel was made"
    assert not scene.is_listening(), "something listens"


def test_the_tables_are_complete():
    assert len(CASES) >= 400
    assert len({case.name for case in CASES}) == len(CASES)
    assert sorted(file.stem for file in WRONG.glob("*.expected")) == sorted(file.stem for file in WRONG.glob("*.ini"))


@pytest.mark.parametrize("arguments", [["--check"], []], ids=["check", "start"])
@pytest.mark.parametrize(
    "make, reason",
    [
        (lambda file: None, "there is no configuration file here; write one, or name another with -c FILE"),
        (lambda file: file.mkdir(), "cannot be read: Is a directory"),
        (lambda file: file.write_bytes(b"#" * (1 << 20) + b"\n"), "this file is larger than 1 MiB; a configuration is not"),
    ],
    ids=["missing", "folder", "huge"],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path, make, reason, arguments):
    file = tmp_path / "leat.ini"
    make(file)
    answer = subprocess.run([LEATD, *arguments, "-c", file], capture_output=True, text=True, timeout=60)
    assert (answer.returncode, answer.stdout, answer.stderr) == (78, "", f"{file}: {reason}\n")


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="needs a user that is not root")
def test_a_file_without_permission_is_refused():
    with tempfile.TemporaryDirectory(prefix="leat-test-") as folder:  # pytest's own are closed to other users
        os.chmod(folder, 0o755)
        file = pathlib.Path(folder, "leat.ini")
        file.write_text("[gateway]\n")
        file.chmod(0)
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        answer = subprocess.run([*user, LEATD, "--check", "-c", file], capture_output=True, text=True, timeout=60)
    if "failed to execute" in answer.stderr:
        pytest.skip("the build folder is not open to another user")
    assert (answer.returncode, answer.stderr) == (78, f"{file}: cannot be read: Permission denied\n")


@pytest.mark.parametrize("arguments", [["--nonsense"], ["file.ini"], ["--log-level=loud"], ["-c"]])
def test_wrong_arguments_are_refused(arguments):
    answer = subprocess.run([LEATD, *arguments], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 64
    assert answer.stderr


def test_version_and_help_are_told():
    version = subprocess.run([LEATD, "--version"], capture_output=True, text=True, timeout=60)
    assert re.fullmatch(r"leatd \d+\.\d+\.\d+\n", version.stdout)
    help_text = subprocess.run([LEATD, "--help"], capture_output=True, text=True, timeout=60)
    assert help_text.returncode == 0
    for option in ("--config=FILE", "--check", "--log-level=LEVEL"):
        assert option in help_text.stdout
    for hidden in ("--worker", "--checker"):
        assert hidden not in help_text.stdout
