#!/usr/bin/env python3
"""AVE-style HDF5 files -> one npz that unic-train, unic-encode and unic-eval read (docs/data.md).

  h5_to_npz.py --out train.npz --order train_order.h5 --labels labels.h5 \\
               audio=audio_feature.h5 video=visual_feature.h5

Each MODALITY=FILE.h5 has one dataset [N,T,...] (or name it: FILE.h5:NAME). --order picks and orders
its clips by their numbers. --labels has [N,T,C] of 0 and 1, the last class being the background, and
becomes "label" [N], the class with the most steps (-1: background alone), and for each modality
"<modality>.step_labels" [N,T] (-1: nothing is marked). Or it has [N,C], as mil_labels.h5, of whole clips: "label" alone, the
class with the largest number, the last one again being the background. Clips are copied one at a time: features need no memory.
"""
import argparse
import contextlib
import os
import sys
import zipfile

try:
    import numpy as np
except ImportError:
    sys.exit("h5_to_npz.py: numpy is missing: install the package python3-numpy")
try:
    import h5py
except ImportError:
    sys.exit("h5_to_npz.py: h5py is missing: install the package python3-h5py (or: pip install h5py)")


def open_dataset(text):
    """The dataset of "FILE.h5" or "FILE.h5:NAME"."""
    path, colon, name = text.rpartition(":") if ":" in text else (text, "", "")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        sys.exit(f"h5_to_npz.py: {path}: {error}")
    names = []
    file.visititems(lambda key, item: names.append(key) if isinstance(item, h5py.Dataset) else None)
    for key in file:                 # links of the file itself, which visititems() passes over
        item = file.get(key)
        if isinstance(item, h5py.Dataset) and all(item != file[name] for name in names):
            names.append(key)
    if not colon:
        if len(names) != 1:
            sys.exit(f"h5_to_npz.py: {path}: has the datasets {names}; name one: {path}:NAME")
        name = names[0]
    if not name or not isinstance(file.get(name), h5py.Dataset):
        sys.exit(f"h5_to_npz.py: {path}: no dataset {name!r}; it has {names}")
    return file[name]


def write_clips(archive, name, dataset, order):
    """One stored member [N,T,...] of float32, clip by clip."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(order), *dataset.shape[1:])}
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        for clip in order:
            member.write(np.ascontiguousarray(dataset[int(clip)], "<f4").tobytes())


def write_array(archive, name, array):
    with archive.open(f"{name}.npy", "w") as member:
        np.lib.format.write_array(member, array)


def is_numbers(array):
    return array.dtype.kind in "biuf" and bool(np.isfinite(array).all())


def class_of(events):
    """[N,C-1] without the background -> the class with the most, -1: none."""
    return np.where((events > 0).any(1), events.argmax(1), -1).astype(np.int32)


def labels_of(events):
    """[N,T,C] of 0 and 1, or [N,C] of clips -> the class of each clip, and of each step or None."""
    if events.ndim == 2:
        several = int(((events[:, :-1] > 0).sum(1) > 1).sum())
        if several:
            print(f"h5_to_npz.py: {several} of {len(events)} clips have several classes: the largest is taken",
                  file=sys.stderr)
        return class_of(events[:, :-1]), None
    marked = events > 0
    of_steps = np.where(marked.any(-1), events.argmax(-1), -1).astype(np.int32)
    for what, n in (("no class, nor the background: they have no label (-1)", int((of_steps < 0).sum())),
                    ("several classes: the largest is taken", int((marked.sum(-1) > 1).sum()))):
        if n:
            print(f"h5_to_npz.py: {n} of {of_steps.size} steps have {what}", file=sys.stderr)
    return class_of(marked[..., :-1].sum(1)), of_steps


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modality", nargs="+", metavar="MODALITY=FILE.h5[:DATASET]")
    parser.add_argument("--labels", metavar="FILE.h5[:DATASET]", help="[N,T,C] of 0 and 1, or [N,C]; the last is background")
    parser.add_argument("--order", metavar="FILE.h5[:DATASET]", help="[n] numbers of the clips to take")
    parser.add_argument("--out", required=True, metavar="FILE.npz")
    given = parser.parse_args()

    features = {}
    for word in given.modality:
        name, equals, path = word.partition("=")
        if not equals or not name or "." in name or "/" in name or name == "label" or name in features:
            parser.error(f"{word!r}: MODALITY=FILE.h5 expected, each modality once, without '.' and '/'")
        features[name] = open_dataset(path)
    first = next(iter(features.values()))
    clips, steps = first.shape[:2] if first.ndim > 1 else ("N", "T")
    for name, dataset in features.items():
        if dataset.ndim < 3 or dataset.shape[:2] != (clips, steps) or 0 in dataset.shape:
            sys.exit(f"h5_to_npz.py: {name}: is {list(dataset.shape)}, [{clips},{steps},...] expected, and no dim of 0")
        if dataset.dtype.kind not in "biuf":
            sys.exit(f"h5_to_npz.py: {name}: is of the type {dataset.dtype}, real numbers expected")
    order = np.arange(clips)
    if given.order:
        order = open_dataset(given.order)[...].ravel()
        if not is_numbers(order) or len(order) == 0 or order.min() < 0 or order.max() >= clips or (order % 1).any():
            sys.exit(f"h5_to_npz.py: {given.order}: whole numbers in 0..{clips - 1} expected")
        order = order.astype(np.int64)
    events = None
    if given.labels:
        dataset = open_dataset(given.labels)
        if dataset.shape[:-1] not in ((clips, steps), (clips,)) or dataset.shape[-1] < 2:
            sys.exit(f"h5_to_npz.py: {given.labels}: is {list(dataset.shape)}, [{clips},{steps},C] or [{clips},C] "
                     "expected, at least one class and the background")
        events = dataset[...][order]
        if not is_numbers(events) or events.min() < 0:
            sys.exit(f"h5_to_npz.py: {given.labels}: holds what is no number, NaN or a number below 0; "
                     "0 and 1 expected")

    def write(out):
        with zipfile.ZipFile(out, "w") as archive:
            for name, dataset in features.items():
                write_clips(archive, name, dataset, order)
            if events is not None:
                label, of_steps = labels_of(events)
                write_array(archive, "label", label)
                for name in features if of_steps is not None else ():
                    write_array(archive, f"{name}.step_labels", of_steps)

    part = f"{given.out}.part"                          # the file is there complete, or is what it was
    try:
        write(part)
        os.replace(part, given.out)
    except OSError as error:                            # h5py's for what is damaged, too
        sys.exit(f"h5_to_npz.py: {given.out}: {error}")
    finally:
        with contextlib.suppress(OSError):
            os.unlink(part)
    print(f"{given.out}: {len(order)} clips of {steps} steps, {', '.join(features)}")


if __name__ == "__main__":
    main()
