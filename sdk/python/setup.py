"""Builds the extension against an installed libleat: the one under $LEAT_PREFIX, else the one that pkg-config knows.

With LEAT_BUNDLE=1 (the default) a copy of libleat goes into the package, and is found there: the wheel needs nothing else and may
be moved. Another copy on the machine does no harm, because both speak the layout that channels are marked with. LEAT_BUNDLE=0, for
packages of a distribution, links the system's libleat.
"""

import glob
import os
import pathlib
import re
import shutil
import subprocess

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

LIBRARY = "libleat.so.1"


def pkg_config(*question):
    try:
        answer = subprocess.run(["pkg-config", *question, "leat"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise SystemExit("leat: no libleat was found: install its development files, or set LEAT_PREFIX to where they are") from None
    return answer.stdout.strip()


def find_libleat():
    """The folder of its headers and the library itself."""
    prefix = os.environ.get("LEAT_PREFIX")
    if prefix is None:
        include, folders = pkg_config("--variable=includedir"), [pkg_config("--variable=libdir")]
    else:
        include, folders = f"{prefix}/include", glob.glob(f"{prefix}/lib*") + glob.glob(f"{prefix}/lib/*-linux-gnu")
    for folder in folders:
        if pathlib.Path(folder, LIBRARY).exists():
            return include, pathlib.Path(folder, LIBRARY)
    raise SystemExit(f"leat: {LIBRARY} is not in {', '.join(folders) or prefix}")


def version_of(include):
    text = pathlib.Path(include, "leat/version.h").read_text()
    return ".".join(re.findall(r"#define LEAT_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", text))


INCLUDE, LIBLEAT = find_libleat()
BUNDLE = os.environ.get("LEAT_BUNDLE", "1") != "0"


class build_with_libleat(build_ext):
    def run(self):
        super().run()
        if BUNDLE:
            shutil.copyfile(LIBLEAT, pathlib.Path(self.get_ext_fullpath("leat._leat")).with_name(LIBRARY))


setup(
    version=version_of(INCLUDE),
    cmdclass={"build_ext": build_with_libleat},
    ext_modules=[
        Extension(
            "leat._leat",
            sorted(glob.glob("src/*.c")),
            include_dirs=[INCLUDE],
            extra_compile_args=["-std=gnu11", "-O2", "-fvisibility=hidden"],
            extra_link_args=[str(LIBLEAT), *(["-Wl,-rpath,$ORIGIN"] if BUNDLE else [])],
            py_limited_api=True,
        )
    ],
)
