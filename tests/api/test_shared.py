#!/usr/bin/env python3
"""The shared object as an application sees it: include/ and libunicode.so, nothing else.

What the headers declare is what it exports; a strict C program (and a C++ one) goes from a config to
predictions; numpy reads the model it leaves.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
LIBRARY = BUILD / "libunicode.so"
sys.path.insert(0, str(ROOT / "tests/abi"))

import headers  # noqa: E402 (the line above says which)

HEADERS = sorted((ROOT / "include/unicode").glob("unic*.h"))

# What a library must leave to the application, and what only tests may use.
NEVER = set("abort exit _exit _Exit quick_exit atexit __assert_fail printf __printf_chk vprintf puts putchar "
            "fprintf __fprintf_chk vfprintf __vfprintf_chk perror fputs fputc stdout stderr getenv "
            "secure_getenv setenv putenv setlocale signal sigaction raise kill system rand srand".split())

PROGRAM = r"""
#include <unicode/unic.h>

#include <stdio.h>
#include <string.h>

enum { CLIPS = 6, LENGTH = 4, A = 5, B = 3, CLASSES = 2 };

static int failed(const char *call)
{
    printf("%s: %s\n", call, unic_last_error());
    return 1;
}

#define OK(call)                                                                               \
    do {                                                                                       \
        if ((call) != UNIC_OK)                                                                 \
            return failed(#call);                                                              \
    } while (0)

static float a[CLIPS * LENGTH * A], b[CLIPS * LENGTH * B];

int main(int argc, char **argv)
{
    static const char text[] = "modalities = a b\na.kind = vector\na.dims = 5\nb.kind = token\n"
                               "b.dims = 3\ncode.dim = 8\ncode.count = 10\nencoder.heads = 2\n"
                               "encoder.ff = 16\nclub.width = 8\ntrain.batch = 6\n"
                               "train.length = 4\n";
    const int64_t dims_a[] = {CLIPS, LENGTH, A}, dims_b[] = {CLIPS, LENGTH, B};
    int32_t codes[CLIPS * LENGTH], labels[CLIPS];
    float logits[CLIPS * CLASSES];
    unic_config *config;
    unic_trainer *trainer;
    unic_batch *batch;
    unic_array array;
    unic_model *model;
    unic_encoder *encoder;
    unic_encoder_options sizes;
    unic_codebook *codebook;
    unic_head_options options;
    unic_head *head;
    int step, i;
    if (argc != 2 || unic_version()[0] != '0')
        return failed("arguments");
    for (i = 0; i < CLIPS * LENGTH * A; i++)
        a[i] = (float)(i * 37 % 11) - 5.0F;
    for (i = 0; i < CLIPS * LENGTH * B; i++)
        b[i] = (float)(i * 53 % 13) - 6.0F;
    OK(unic_config_create(&config));
    OK(unic_config_parse(config, text, "smoke"));
    OK(unic_trainer_create(&trainer, config, NULL));
    unic_config_free(config);
    OK(unic_batch_create(&batch));
    unic_array_init(&array, b, UNIC_F32, 3, dims_b);
    OK(unic_batch_set(batch, "b", &array, NULL));
    unic_array_init(&array, a, UNIC_F32, 3, dims_a);
    OK(unic_batch_set(batch, "a", &array, NULL));
    for (step = 0; step < 5; step++)
        OK(unic_trainer_step(trainer, batch, NULL, NULL));
    OK(unic_trainer_save(trainer, argv[1]));
    unic_batch_free(batch);
    unic_trainer_free(trainer);
    OK(unic_model_open(&model, argv[1], NULL));
    OK(unic_model_codebook(&codebook, model));
    memset(&sizes, 0, sizeof sizes);
    sizes.struct_size = sizeof sizes;
    sizes.max_batch = CLIPS;
    sizes.max_length = LENGTH;
    OK(unic_encoder_create(&encoder, model, "a", &sizes));
    unic_model_free(model);
    OK(unic_encoder_encode(encoder, &array, NULL, codes, NULL, NULL));
    unic_encoder_free(encoder);
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.kind = UNIC_HEAD_CLIP;
    options.class_count = CLASSES;
    OK(unic_head_create(&head, codebook, &options));
    unic_codebook_free(codebook);
    for (i = 0; i < CLIPS; i++)
        labels[i] = i % CLASSES;
    OK(unic_head_fit(NULL, head, codes, CLIPS, LENGTH, labels));
    OK(unic_head_predict(head, codes, CLIPS, LENGTH, logits));
    unic_head_free(head);
    if (unic_model_open(&model, "/nowhere.npz", NULL) != UNIC_E_NOTFOUND || model != NULL)
        return failed("a model that is not there");
    for (i = 0; i < CLIPS * LENGTH; i++)
        printf("%d ", codes[i]);
    return 0;
}
"""


def run(*command: object, **options: object) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command} exits {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def test_exports() -> None:
    exported = set()
    for line in run("nm", "-D", "--defined-only", LIBRARY).splitlines():
        _, kind, name = line.split()
        if kind == "A" and name.split("@")[0] == "UNIC_0.1":
            continue
        assert kind == "T" and name.endswith("@@UNIC_0.1"), line
        exported.add(name.split("@")[0])
    wanted = {function.name for function in headers.read().all("function")}
    assert len(wanted) > 60, "the headers were not understood"
    assert exported == wanted, f"not exported: {wanted - exported}; not declared: {exported - wanted}"


def test_leaves_the_process_alone() -> None:
    used = {line.split()[-1].split("@")[0]
            for line in run("nm", "-D", "--undefined-only", LIBRARY).splitlines()}
    assert not used & NEVER, f"the library calls {used & NEVER}"
    dynamic = run("readelf", "-d", LIBRARY)
    assert "[libunicode.so.0]" in dynamic and "TEXTREL" not in dynamic, dynamic


def test_headers_stand_alone(folder: pathlib.Path) -> None:
    for header in HEADERS:
        for compiler, suffix, standard in (("cc", "c", "c99"), ("cc", "c", "c11"), ("clang", "c", "c11"),
                                           ("c++", "cpp", "c++11"), ("c++", "cpp", "c++17")):
            if shutil.which(compiler):
                source = folder / f"header.{suffix}"
                source.write_text(f"#include <unicode/{header.name}>\n#include <unicode/{header.name}>\n"
                                  "int nothing;\n")
                run(compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                    f"-I{ROOT}/include", "-c", "-o", folder / "header.o", source)


def test_programs(folder: pathlib.Path) -> None:
    printed, files = set(), set()
    for compiler, suffix, standard in (("cc", "c", "c99"), ("c++", "cpp", "c++11")):
        if not shutil.which(compiler):
            continue
        source, program, model = folder / f"smoke.{suffix}", folder / f"smoke-{suffix}", folder / f"{suffix}.npz"
        source.write_text(PROGRAM)
        run(compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{ROOT}/include",
            "-o", program, source, f"-L{BUILD}", "-lunicode", f"-Wl,-rpath,{BUILD}")
        printed.add(run(program, model))
        files.add(model.read_bytes())
    assert len(printed) == len(files) == 1, "C and C++ disagree"
    codes = [int(code) for code in printed.pop().split()]
    assert len(codes) == 24 and min(codes) >= 0 and max(codes) < 10, codes
    with np.load(folder / "c.npz", allow_pickle=False) as model:
        names = [name for name in model.files if name != "config.txt"]
        assert b"code.count = 10\n" in model["config.txt"]
        assert model["codebook.embedding"].shape == (10, 8)
        assert model["codebook.idle"].dtype == np.int32 and model["codebook.idle"].shape == (2, 10)
        assert model["a.semantic.affine.weight"].shape == (8, 5)
        assert names == sorted(names)
        for name in names:
            assert np.isfinite(model[name]).all(), name
    with np.load(folder / "c.run.npz", allow_pickle=False) as run_file:
        assert run_file["counters"][0] == 5
        np.testing.assert_array_equal(run_file["value/a.semantic.affine.weight"],
                                      np.load(folder / "c.npz")["a.semantic.affine.weight"])


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        test_exports()
        test_leaves_the_process_alone()
        test_headers_stand_alone(folder)
        test_programs(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
