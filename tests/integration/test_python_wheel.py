"""The wheel, built as the README of sdk/python says against an installed libleat, works in a fresh environment; and its types hold."""

import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from python_package import FOLDER
from support import BUILD, TOP

pytestmark = pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="a wheel is for Python as it is, without a sanitizer")
SOURCE = TOP / "sdk/python"
PYTHON = "/usr/bin/python3"


def run(*command, cwd=None, **environment):
    words, environment = [str(word) for word in command], {**os.environ, **environment}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Headers and library as they are installed."""
    folder = tmp_path_factory.mktemp("prefix")
    (folder / "lib").mkdir()
    shutil.copytree(TOP / "sdk/include", folder / "include")
    for name in ("libleat.so", "libleat.so.1"):
        shutil.copy(BUILD / "lib" / name, folder / "lib" / name)
    return folder


def build_wheel(prefix, folder, **environment):
    source = shutil.copytree(SOURCE, folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    run(PYTHON, "-m", "pip", "wheel", *options, source, LEAT_PREFIX=str(prefix), **environment)
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_the_wheel_works_in_a_fresh_environment_without_anything_else(prefix, tmp_path, house):
    wheel = build_wheel(prefix, tmp_path)
    assert re.fullmatch(r"leat-\d+\.\d+\.\d+-cp311-abi3-linux_\w+\.whl", wheel.name)
    names = zipfile.ZipFile(wheel).namelist()
    assert {"leat/_leat.abi3.so", "leat/libleat.so.1", "leat/py.typed", "leat/_leat.pyi"} <= set(names)
    python = tmp_path / "venv/bin/python3"
    run(PYTHON, "-m", "venv", "--without-pip", tmp_path / "venv")
    run(PYTHON, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", wheel)
    program = """
import leat, sys
with leat.Writer("c") as writer, leat.Reader("c") as reader:
    writer.publish(b"from a wheel")
    print(reader.read(5).data.decode())
print(next(line.split()[-1] for line in open("/proc/self/maps") if "libleat" in line))
"""
    said, library = run(python, "-c", program, LEAT_SHM_DIR=str(house.shm)).splitlines()
    assert said == "from a wheel"
    assert library.startswith(str(tmp_path / "venv"))


def test_without_bundling_it_links_the_system_s_library(prefix, tmp_path):
    wheel = build_wheel(prefix, tmp_path, LEAT_BUNDLE="0")
    assert "leat/libleat.so.1" not in zipfile.ZipFile(wheel).namelist()
    zipfile.ZipFile(wheel).extractall(tmp_path / "there")
    dynamic = run("readelf", "-d", tmp_path / "there/leat/_leat.abi3.so")
    assert "[libleat.so.1]" in dynamic and "PATH" not in dynamic


def test_a_missing_library_is_a_sentence(tmp_path):
    with pytest.raises(AssertionError, match="leat: libleat.so.1 is not in"):
        run(PYTHON, "setup.py", "--version", cwd=SOURCE, LEAT_PREFIX=str(tmp_path))


# ---- types ---------------------------------------------------------------------------------------------------------

mypy = pytest.mark.skipif(not shutil.which("mypy"), reason="mypy is not installed")

# What is there for type checkers only, and what a new Python has that an old one does not.
ONLY_TYPES = r"""
leat\..*\.?(Buffer|Directory|Policy|Producers)
leat\..*__buffer__
leat\.(.*\.)?(Iterable|Iterator|AsyncIterator)\..*
"""


@mypy
def test_the_package_and_the_examples_have_no_type_errors(tmp_path):
    examples = sorted((TOP / "sdk/examples/python").glob("*.py"))
    run("mypy", "--strict", "--cache-dir", tmp_path, SOURCE / "leat", *examples, MYPYPATH=str(SOURCE))


@mypy
def test_a_wrong_call_is_a_type_error(tmp_path):
    (tmp_path / "wrong.py").write_text("""
import leat
leat.Writer("c").publish("text")
leat.Reader("c", start="now")
number: str = leat.Reader("c").read().tag
""")
    command = ["mypy", "--strict", "--cache-dir", tmp_path / "cache", tmp_path / "wrong.py"]
    done = subprocess.run(command, env={**os.environ, "MYPYPATH": str(SOURCE)}, capture_output=True, text=True)
    assert [int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line] == [3, 4, 5], done.stdout


@mypy
def test_the_stub_says_what_the_extension_has(tmp_path):
    (tmp_path / "only-types").write_text(ONLY_TYPES)
    environment = {"PYTHONPATH": str(FOLDER), "MYPYPATH": str(FOLDER)}
    options = ["--concise", "--allowlist", tmp_path / "only-types", "--ignore-unused-allowlist"]
    run(PYTHON, "-m", "mypy.stubtest", *options, "leat", cwd=tmp_path, **environment)


def test_everything_public_has_documentation():
    program = f"""
import sys; sys.path.insert(0, {str(FOLDER)!r})
import leat, inspect
for name in leat.__all__:
    thing = getattr(leat, name)
    members = [getattr(thing, part) for part in vars(thing) if not part.startswith("_")] if inspect.isclass(thing) else []
    for one in [thing, *members]:
        if callable(one) and not inspect.getdoc(one):
            print(name, one)
"""
    assert run(sys.executable, "-c", program) == ""
