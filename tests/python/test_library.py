"""The library itself: what is bound of it, its layouts and statuses, where it is found, the wheel."""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import libunicode
import numpy as np
import pytest
from helpers import BUILD, N, PACKAGE, ROOT, T, Fixture
from libunicode import _errors, _lib

def test_what_is_called_is_declared() -> None:
    """No name of a function is misspelt where the binding, or its tests, may seldom come."""
    for path in PACKAGE.glob("*.py"):
        for name in re.findall(r"\blib\.(unic_\w+)", path.read_text()):
            assert name in _lib.SIGNATURES, f"{path.name}: {name}"


def test_layouts(f: Fixture) -> None:
    """The structures are laid out as the C compiler does."""
    structs = {value.__doc__: value for value in vars(_lib).values()
               if isinstance(value, type) and hasattr(value, "_fields_")}
    assert len(structs) > 10
    lines = []
    for name, struct in structs.items():
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        for field in struct._fields_:
            lines.append(f'printf("{name}.{field[0]} %zu\\n", offsetof({name}, {field[0]}));')
    source, program = f.folder / "layouts.c", f.folder / "layouts"
    source.write_text("#include <stdio.h>\n#include <unicode/unic.h>\nint main(void) {" + "".join(lines) + "}\n")
    subprocess.run([*shlex.split(os.environ.get("CC", "cc")), f"-I{ROOT}/include", source, "-o", program], check=True)
    for line in subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines():
        name, wanted = line.split()
        struct, _, field = name.partition(".")
        got = getattr(structs[struct], field).offset if field else ctypes.sizeof(structs[struct])
        assert got == int(wanted), (name, got, wanted)


def test_every_status() -> None:
    """Each status of the header has a class of its own; an unknown one is a plain Error."""
    header = (ROOT / "include/unicode/unic_status.h").read_text()
    names = dict(re.findall(r"^\s+(UNIC_E_\w+) = (\d+)", header, flags=re.M))
    classes = {str(c.status): c for c in libunicode.Error.__subclasses__()}
    assert len(names) >= 13 and set(names.values()) == set(classes), (names, classes)
    for name, value in names.items():
        assert classes[value].__doc__.startswith(name + ":"), name
        assert classes[value].__name__ in libunicode.__all__
    unknown = _errors.error_of(99, "new")
    assert type(unknown) is libunicode.Error and unknown.status == 99


def test_documented() -> None:
    """Everything public has a docstring, and is listed."""
    assert (PACKAGE / "py.typed").exists() and libunicode.version() == libunicode.__version__
    for name in libunicode.__all__:
        thing = getattr(libunicode, name)
        assert thing.__doc__, name
        for member, value in vars(thing).items() if isinstance(thing, type) else ():
            if not member.startswith("_") and (callable(value) or isinstance(value, (property, classmethod))):
                assert getattr(thing, member).__doc__ or value.__doc__, f"{name}.{member}"


def test_log(f: Fixture) -> None:
    """Log lines come as they are given; a function that fails does not bring the call down."""
    folder, lines = f.folder / "long", []
    folder.mkdir()
    np.savez(folder / "x.npz", **f.x)

    def epoch() -> int:
        return len(list(libunicode.Dataset(folder / "x.npz", batch=N, length=T - 1)))

    try:
        libunicode.set_log(lambda warning, line: lines.append((warning, line)))
        assert epoch() == 1 and all(warning and "were cut" in line for warning, line in lines) and len(lines) == 2
        libunicode.set_log(None)
        assert epoch() == 1 and len(lines) == 2
    finally:
        libunicode.set_log(None)


# ---- where the library is found ----

def clean_environment(**variables: str) -> dict:
    kept = {k: v for k, v in os.environ.items() if k not in ("LIBUNICODE", "LD_LIBRARY_PATH", "PYTHONPATH")}
    return {**kept, **variables}


def found(package: Path, **variables: str) -> subprocess.CompletedProcess:
    """What a fresh interpreter finds with the package there."""
    show = "from libunicode import _lib; print(_lib.lib._name)"
    return subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, cwd="/",
                          env=clean_environment(PYTHONPATH=str(package.parent), **variables))


def copy(to: Path) -> Path:
    shutil.copytree(PACKAGE, to, ignore=shutil.ignore_patterns("__pycache__"))
    return to


def place(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(BUILD / "libunicode.so", path)
    return str(path)


def test_finding(f: Fixture) -> None:
    """LIBUNICODE, then the package's directory, then the build tree, then the loader's places."""
    package = copy(f.folder / "tree/bindings/python/libunicode")
    assert found(package, LD_LIBRARY_PATH=str(BUILD)).stdout == "libunicode.so.0\n"
    built = place(f.folder / "tree/build/libunicode.so")
    assert found(package, LD_LIBRARY_PATH=str(BUILD)).stdout == built + "\n"
    own = place(package / "libunicode.so.0")
    assert found(package).stdout == own + "\n"
    assert found(package, LIBUNICODE=built).stdout == built + "\n"
    for wrong, text in (("/nowhere.so", "/nowhere.so"), ("libm.so.6", "is no libunicode")):
        failed = found(package, LIBUNICODE=wrong)
        assert failed.returncode == 1 and "ImportError: " in failed.stderr, failed.stderr
        assert text in failed.stderr, failed.stderr


def test_any_depth(f: Fixture) -> None:
    """A package may stand right below the root, as in an image of a container."""
    for folder in ("/", "/app", "/app/lib", "/srv/app/lib"):
        show = f"from libunicode import _lib; _lib.__file__ = '{folder.rstrip('/')}/libunicode/_lib.py'; print(list(_lib._places()))"
        done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, cwd="/",
                              env=clean_environment(PYTHONPATH=str(PACKAGE.parent), LD_LIBRARY_PATH=str(BUILD)))
        assert done.returncode == 0, done.stderr
        assert done.stdout == "['libunicode.so.0']\n", done.stdout


def test_prefix(f: Fixture) -> None:
    """Installed under a prefix with the library: found without a word, wherever the prefix is."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    package = copy(f.folder / f"prefix/lib/{version}/site-packages/libunicode")
    installed = place(f.folder / "prefix/lib/libunicode.so.0")
    assert found(package).stdout == installed + "\n"


def test_wheel(f: Fixture) -> None:
    """`make wheel`: installed into a folder, alone, it trains and encodes with the library inside."""
    pytest.importorskip("pip")
    folder, target = f.folder / "wheel", f.folder / "target"
    subprocess.run(["make", "-s", "-C", ROOT, "wheel", f"BUILD={BUILD}", f"PYTHON={sys.executable}",
                    f"WHEEL={folder}"], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    tag = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    assert wheel.name == f"libunicode-{libunicode.__version__}-py3-none-{tag}.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"libunicode/libunicode.so.0", "libunicode/py.typed", "libunicode/plot.py"} <= names
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-cache-dir",
                    "--disable-pip-version-check", "--root-user-action=ignore", "--target", target, wheel], check=True)
    shown = found(target / "libunicode")
    assert shown.stdout == str(target / "libunicode/libunicode.so.0") + "\n", shown.stderr
    code = f"""
import libunicode as lu
data = lu.Dataset({str(f.data)!r}, batch=10, seed=0)
trainer = lu.Trainer(lu.Config(preset="small", modalities=data, **{{"train.batch": 10}}))
trainer.fit(data, steps=2)
print(trainer.model().encode("speech", next(iter(data))["speech"]).shape)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/",
                          env=clean_environment(PYTHONPATH=str(target)))
    assert done.stdout == "(10, 6)\n", done.stderr


def test_import_time(f: Fixture) -> None:
    """How long `import libunicode` to the first code takes, numpy's own import aside; shown, not judged."""
    code = f"""
import time, numpy
x = numpy.zeros((1, {T}, 12), numpy.float32)
start = time.perf_counter()
import libunicode
codes = libunicode.Model({str(f.path)!r}).encode("speech", x)
print(time.perf_counter() - start)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)})
    print(f"import to first code: {1e3 * float(done.stdout):.0f} ms")
