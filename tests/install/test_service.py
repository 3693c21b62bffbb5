#!/usr/bin/env python3
"""A service in C++20, built by CMake on an installed library: its pool of four threads encodes as one thread does, and
allocates nothing.

  --sanitizers   the same with the library in it under AddressSanitizer with UndefinedBehaviorSanitizer, and under
                 ThreadSanitizer (make check-service); builds the library for each, which takes minutes
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from test_install import BUILD, HERE, ROOT, make, run

SERVED = "served 400 clips by 4 threads as by 1, allocations 0"
COMPILERS = [(c, cxx) for c, cxx in (("gcc", "g++"), ("clang", "clang++")) if shutil.which(cxx)]
SANITIZERS = {"thread": "thread", "address": "address,undefined -fno-sanitize-recover=undefined"}


def served(folder, prefix, programs, compilers, *settings):
    """What the programs, built on a prefix, say of themselves: the last line of each."""
    run("cmake", "-S", HERE / "service", "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
        f"-DCMAKE_C_COMPILER={compilers[0]}", f"-DCMAKE_CXX_COMPILER={compilers[1]}", *settings, CC="", CXX="")
    said = []
    for program in programs:
        run("cmake", "--build", folder, "--target", program)
        said.append(run(folder / program, folder, LD_LIBRARY_PATH="").splitlines())
    return said


@unittest.skipUnless(shutil.which("cmake") and COMPILERS, "no cmake, or no C++ compiler")
class Service(unittest.TestCase):
    def test_shared_and_static_with_each_compiler(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            make("install", f"PREFIX={folder}/prefix")
            for compilers in COMPILERS:
                for lines in served(folder / compilers[0], folder / "prefix", ("service", "service-static"), compilers):
                    self.assertEqual(lines[-1], SERVED, compilers)
                    for line, part in zip(lines, ("UNIC_E_VALUE: unic_encoder_encode: modality \"sound\": clip 0 holds NaN",
                                                  "are [1,10,23]: dim 2 is 23, but sound.dims makes it 24", "are [1,13,24]")):
                        self.assertIn(part, line)


def sanitized(name):
    """The archive, built for a sanitizer, in the service."""
    flags = f"-fsanitize={SANITIZERS[name]} -fno-omit-frame-pointer"
    build = (ROOT / BUILD / "sanitized" / name).resolve()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    subprocess.run(["make", "--no-print-directory", "-s", f"BUILD={build}", f"PREFIX={build}/prefix", "OPT=-O1 -g",
                    f"EXTRA_CFLAGS={flags} -DUNIC_NO_DISPATCH", f"EXTRA_LDFLAGS={flags}", "install"], cwd=ROOT,
                   env=environment, check=True, stdout=subprocess.DEVNULL)
    lines, = served(build / "service", build / "prefix", ("service-static",), ("gcc", "g++"), "-DCOUNT=OFF",
                    f"-DCMAKE_CXX_FLAGS={flags}")
    assert lines[-1] == SERVED, lines
    print(f"service, -fsanitize={SANITIZERS[name].split()[0]}: {lines[-1]}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--sanitizers"]:
        for sanitizer in SANITIZERS:
            sanitized(sanitizer)
        sys.exit()
    if "clang" not in dict(COMPILERS):
        print("skipped: the service with clang++, which is not installed")
    sys.exit(not unittest.main(exit=False).result.wasSuccessful())
