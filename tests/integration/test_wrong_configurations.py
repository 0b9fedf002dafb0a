"""Every wrong configuration in wrong/ is refused with exactly the messages beside it, by `leatd --check` and by `leatd`: exit status
78, nothing printed elsewhere, nothing started.

In the files @NAME@ stands for what differs from run to run:
    @FILE@         the configuration itself               @DIR@      its folder
    @PORT@         a free tcp port                         @TAKEN@    one that somebody listens at
    @PLUGINS@      the plugins of this build               @TEST_PLUGINS@  those made for tests
    @BROKEN@/NAME  a folder of good plugins and the broken plugin NAME
    @OPEN@         a plugin folder that everyone may write
    @BOM@ @NUL@ @LONG@   bytes that an editor would not keep

`LEAT_RECORD=1` writes the .expected files anew; read the difference before you believe it."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile

import pytest

BUILD = pathlib.Path(os.environ["LEAT_BUILD"])
LEATD = BUILD / "bin/leatd"
PLUGINS = BUILD / "plugins"
TABLE = pathlib.Path(__file__).resolve().parent / "wrong"
CASES = sorted(file.stem for file in TABLE.glob("*.ini"))
BYTES = {"@BOM@": "\ufeff", "@NUL@": "\0", "@LONG@": "topic, " * 160 + "topic"}


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
        self.file = folder / f"{case}.ini"
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
        text = (TABLE / f"{self.case}.ini").read_text()
        self.file.write_text(self.fill({**self.names, **BYTES}, text))
        drop_ins = TABLE / f"{self.case}.conf.d"
        if drop_ins.exists():
            shutil.copytree(drop_ins, self.folder / "conf.d")
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
        return self.fill(self.names, (TABLE / f"{self.case}.expected").read_text())

    def record(self, text):
        for name, value in self.names.items():
            text = re.sub(rf"{re.escape(str(value))}(?![0-9])", name, text)
        (TABLE / f"{self.case}.expected").write_text(text)

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


@pytest.mark.parametrize("scene", CASES, indirect=True)
def test_a_wrong_configuration_is_refused_in_these_words(scene):
    checked = scene.run("--check")
    if os.environ.get("LEAT_RECORD"):
        scene.record(checked.stderr)
    started = scene.run()
    for answer in (checked, started):
        assert answer.stderr == scene.expected()
        assert answer.returncode == 78
        assert answer.stdout == ""
    assert list(scene.shm.iterdir()) == [], "a page or a channel was made"
    assert not scene.is_listening(), "something listens"


def test_the_table_is_complete():
    assert len(CASES) >= 30
    assert sorted(file.stem for file in TABLE.glob("*.expected")) == CASES


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
