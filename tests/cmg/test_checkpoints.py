#!/usr/bin/env python3
"""Checkpoints as other people save them: each converts to what the plain one does, or is refused with what it is."""
import argparse
import collections
import copy
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import gzip
import io
import os
import pathlib
import pickle
import re
import resource
import subprocess
import sys
import tarfile
import tempfile
import types
import unittest
import uuid
import zipfile

import numpy as np

import torch_writer as tw

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
FIXTURES = pathlib.Path(__file__).parent / "fixtures"
os.environ["LIBUNICODE"] = str(BUILD / "libunicode.so")
sys.path.insert(0, str(ROOT / "bindings/python"))
import libunicode as lu  # noqa: E402 (the lines above say which)

ENCODER, LSTM = "Encoder_parameters", "Text_ar_lstm_parameters"
SIZE, DEVICE = tw.stand_in("torch", "Size", tuple), tw.stand_in("torch", "device", object)
# The class's module is another one from Python 3.13 on.
PATH_CLASS = f"{pathlib.PurePosixPath.__module__}.PurePosixPath"
QUANTISED = tw.stand_in("torch._utils", "_rebuild_qtensor", None)
META = tw.stand_in("torch._utils", "_rebuild_meta_tensor_no_storage", None)


class Colour(enum.Enum):
    RED = 1


class Flags(enum.IntFlag):
    A, B = 1, 2


@dataclasses.dataclass
class Settings:
    lr: float = 1e-4
    names: list = dataclasses.field(default_factory=lambda: ["a"])


class Slots:
    __slots__ = ("a",)

    def __init__(self):
        self.a = 1


class Config(dict):
    """A dict with attributes, as many projects have one."""

    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self.__dict__ = {"frozen": True}


class Ordered(collections.OrderedDict):
    pass


class NewArgs:
    def __getnewargs_ex__(self):
        return (1,), {"b": 2}

    def __new__(cls, *args, **named):
        return super().__new__(cls)


Point = collections.namedtuple("Point", "x y")


class Node:
    """Children know their parents."""

    def __init__(self, parent=None):
        self.parent, self.children = parent, []
        if parent:
            parent.children.append(self)


class Module:
    """As torch.nn.Module keeps its own."""

    def __init__(self, **parts):
        self._parameters, self._buffers, self._modules, self.training = {}, {}, {}, True
        self.__dict__.update(parts)


def tree():
    root = Node()
    Node(Node(root)), Node(root)
    return root


def myself():
    node = Node()
    node.me = node
    return node


STRANGE = {
    "Counter": lambda: collections.Counter("abca"), "defaultdict": lambda: collections.defaultdict(int, {1: 2}),
    "defaultdict of lists": lambda: collections.defaultdict(list, a=[1]), "deque": lambda: collections.deque([1, 2], 3),
    "ChainMap": lambda: collections.ChainMap({"a": 1}), "Namespace": lambda: argparse.Namespace(lr=1e-4, tags={"a"}),
    "SimpleNamespace": lambda: types.SimpleNamespace(a=1), "Path": lambda: pathlib.PosixPath("/data/x.csv"),
    "set": lambda: {1, "a"}, "frozenset": lambda: frozenset({1}), "empty set": set, "big int": lambda: 2**64 - 1,
    "bigger int": lambda: -(10**700), "int": lambda: 2**63 - 1, "datetime": lambda: datetime.datetime(2024, 1, 2),
    "date": lambda: datetime.date(2024, 1, 2), "timedelta": lambda: datetime.timedelta(1),
    "timezone": lambda: datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc), "enum": lambda: Colour.RED,
    "flags": lambda: Flags.A | Flags.B, "namedtuple": lambda: Point(1, 2), "dataclass": Settings, "slots": Slots,
    "new arguments": NewArgs, "dict subclass": lambda: Config(a=1), "OrderedDict subclass": lambda: Ordered(a=1),
    "slice": lambda: slice(1, 2), "range": lambda: range(3), "complex": lambda: 1j, "Ellipsis": lambda: ..., "bytes": lambda: b"x\0",
    "bytearray": lambda: bytearray(b"x"), "Decimal": lambda: decimal.Decimal("1.5"), "Fraction": lambda: fractions.Fraction(1, 3),
    "UUID": lambda: uuid.UUID(int=7), "regex": lambda: re.compile("a+"), "partial": lambda: functools.partial(int, base=2),
    "class": lambda: Settings, "function": lambda: os.path.join, "builtin": lambda: print, "method": lambda: Colour.RED.__repr__,
    "exception": lambda: ValueError("x"), "None": lambda: None, "NaN": lambda: float("nan"), "text": lambda: "é\0\n",
    "tree": tree, "myself": myself, "numpy float": lambda: np.float64(1.5), "numpy int": lambda: np.int32(1),
    "numpy bool": lambda: np.bool_(True), "numpy text": lambda: np.str_("x"), "numpy dtype": lambda: np.dtype("f4"),
    "numpy array": lambda: np.ones((2, 3)), "numpy objects": lambda: np.array([{}, None]), "RandomState": lambda: np.random.RandomState(1),
    "Generator": lambda: np.random.default_rng(1), "state": lambda: np.random.RandomState(1).get_state(),
    "torch.Size": lambda: tw.Call(SIZE, (1, 2)), "torch.device": lambda: tw.Call(DEVICE, "cuda", 0),
    "sparse": lambda: tw.Call(tw.SPARSE, "sparse_coo", (tw.tensor(np.ones((2, 3))), tw.tensor(np.ones(3)))),
    "quantised": lambda: tw.Call(QUANTISED, tw.Storage(np.ones(3, "u1"))), "complex tensor": lambda: tw.tensor(np.ones(3, "c8")),
    "keys": lambda: {None: 1, (1, 2): 2, 1.5: 3, True: 4, b"b": 5, "a/b": 6, "a\nb": 7, "": 8, Colour.RED: 9, frozenset(): 10},
    "slashes": lambda: {"Male speech, man/woman": tw.tensor(np.ones(3))}, "3 and '3'": lambda: {3: tw.tensor(np.ones(3)), "3": tw.tensor(np.ones(3))},
    "long key": lambda: {"k" * 3000: tw.tensor(np.ones(3))}, "shared": lambda: [[1]] * 5, "nested": lambda: [[[[[[{"a": ({1},)}]]]]]],
}


class Checkpoints(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.held = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.held.name)
        cls.plain = tw.load_zip(FIXTURES / "avt.pt")
        cls.want = cls.convert(FIXTURES / "avt.pt")[1]

    @classmethod
    def tearDownClass(cls):
        cls.held.cleanup()

    @classmethod
    def convert(cls, path):
        """Whether it converts, the model's bytes, and what was said."""
        out, lines = cls.dir / "out.npz", []
        out.unlink(missing_ok=True)
        lu.set_log(lambda warning, line: lines.append(line))
        try:
            lu.Model(path).save(out)
        except lu.Error as error:
            lines.append(str(error))
        finally:
            lu.set_log(None)
        return out.exists(), out.read_bytes() if out.exists() else b"", "\n".join(lines)

    def tensors(self, change=lambda name: name, old=False):
        """The plain checkpoint, the names of its parts' tensors changed."""
        return {part: collections.OrderedDict((change(name), tw.tensor(x, old)) for name, x in value.items())
                if isinstance(value, dict) else value for part, value in self.plain.items()}

    def encoder(self, prefix="", **named):
        return self.tensors(lambda name: prefix + name, **named)[ENCODER]

    def assertConverts(self, what, value, save=tw.save_zip, want=None, **how):
        path = self.dir / "c.pt"
        save(path, value, **how)
        ok, model, said = self.convert(path)
        self.assertTrue(ok, (what, how, said))
        self.assertEqual(model, want or self.want, (what, how))
        return said

    def assertRefused(self, what, value, *words, save=tw.save_zip, **how):
        path = self.dir / "c.pt"
        save(path, value, **how)
        ok, _, said = self.convert(path)
        self.assertFalse(ok, what)
        for word in ("c.pt: ", *words):
            self.assertIn(word, said, what)
        self.assertNotIn("Traceback", said)

    # ---- objects ----

    def test_plain(self):
        for protocol in range(1, 6):
            self.assertConverts("zip", self.tensors(), protocol=protocol)
            self.assertConverts("old", self.tensors(), tw.save_old, protocol=protocol)
        self.assertConverts("no CRC", self.tensors(), crc=False)

    def test_objects_that_nobody_needs(self):
        for name, make in STRANGE.items():
            for protocol in (2, 4):
                said = self.assertConverts(name, {**self.tensors(), "extra": make()}, protocol=protocol)
                self.assertNotIn("error", said)
        everything = {**self.tensors(), **{name: make() for name, make in STRANGE.items()}}
        for protocol in range(2, 6):
            self.assertConverts("all", everything, protocol=protocol)
            self.assertConverts("all, before", {**{name: make() for name, make in STRANGE.items()}, **self.tensors()}, protocol=protocol)

    def test_objects_that_contain_themselves(self):
        """What a program is made of points to it: its tensors are found all the same."""
        def trainer(**held):
            made = argparse.Namespace(**held)
            made.callbacks = [argparse.Namespace(trainer=made, log=[made]) for _ in range(3)]
            made.callbacks.append(made.callbacks)
            return made

        def within(made, inside):
            made[inside] = made
            return made

        def bound(parts):                   # each of them knows the whole
            whole = {"parts": parts}
            for part in parts.values():
                if isinstance(part, dict):
                    part["whole"] = whole
            return whole

        def long():                         # written in parts of a thousand
            many = [1] * 2500
            for i in (0, 1500, 2400):
                many[i] = (many, [many])
            return many

        circles = {
            "attributes": lambda: trainer(state=self.tensors()), "attributes last": lambda: trainer(a=1, b=trainer(state=self.tensors())),
            "dict": lambda: within(self.tensors(), "self"), "ordered": lambda: within(Ordered(self.tensors()), "self"),
            "dict subclass": lambda: within(Config(self.tensors()), "self"), "encoder": lambda: {**self.tensors(), ENCODER: within(self.encoder(), "e")},
            "beside": lambda: {"args": trainer(), **self.tensors(), "tree": tree(), "list": long()}, "bound": lambda: bound(self.tensors()),
            "tuple": lambda: (trainer(of=self.tensors()), 1), "deque": lambda: {**self.tensors(), "q": (lambda q: q.append(q) or q)(collections.deque())},
        }
        for name, make in circles.items():
            for protocol in (2, 4):
                self.assertConverts(name, make(), protocol=protocol)
                self.assertConverts(name, make(), tw.save_old, protocol=protocol)

    def test_old_files(self):
        """A storage that is not understood hides those behind it, and no others."""
        readable = {name: make for name, make in STRANGE.items() if "tensor" not in name}
        self.assertConverts("all", {**{n: make() for n, make in readable.items()}, **self.tensors()}, tw.save_old)
        self.assertConverts("complex", {"x": STRANGE["complex tensor"](), **self.tensors()}, tw.save_old)
        unknown = tw.stand_in("torch", "StrangeStorage", object)
        tw.TYPES["c16"] = unknown
        try:
            self.assertConverts("behind", {**self.tensors(), "x": tw.tensor(np.ones(2, "c16"))}, tw.save_old)
            self.assertRefused("before", {"x": tw.tensor(np.ones(2, "c16")), **self.tensors()},
                               "stands behind a storage of a type that is not read", save=tw.save_old)
            self.assertConverts("zip", {"x": tw.tensor(np.ones(2, "c16")), **self.tensors()})
        finally:
            del tw.TYPES["c16"]

    def test_python_2(self):
        for protocol in (1, 2):
            for old in (False, True):
                self.assertConverts("old", self.tensors(old=old), tw.save_old, protocol=protocol, base=tw.Python2)
                self.assertConverts("zip", self.tensors(old=old), protocol=protocol, base=tw.Python2)

    def test_what_is_needed_and_cannot_be_read(self):
        name = "audio_self_att.affine_matrix.weight"
        deep = "video_self_att.encoder.layers.0.linear1.weight"
        instead = {
            "sparse": (STRANGE["sparse"](), "is a sparse tensor, which is not read: save what to_dense() makes of it"),
            "quantised": (STRANGE["quantised"](), "is a quantised tensor, which is not read: save what dequantize()"),
            "meta": (tw.Call(META, np.dtype("f4"), (4, 4), (4, 1), False), "is a meta tensor, which is not read: it has no elements"),
            "complex": (STRANGE["complex tensor"](), "is of complex64, which is not read"),
            "array": (np.ones((4, 4)), "is a numpy array, a tensor expected"), "none": (None, "is None, a tensor expected"),
            "list": ([1.0], "is a list, a tensor expected"), "object": (argparse.Namespace(), "an object of argparse.Namespace"),
            "subclass": (tw.Call(tw.SUBCLASS, tw.stand_in("torch._utils", "_rebuild_wrapper_subclass", None),
                                 tw.stand_in("torchao.dtypes", "QuantizedTensor", object), (), {}), "is an object of torchao.dtypes.QuantizedTensor, a tensor"),
            "number": (1.5, "is a float, a tensor expected"), "path": (pathlib.PurePosixPath("x"), f"is an object of {PATH_CLASS}"),
            "command": (tw.Call(os.system, "false"), "an object of posix.system"),
        }
        for what, (value, words) in instead.items():
            for where in (name, deep, "Cross_quantizer.ema_count"):
                given = self.tensors()
                given[ENCODER][where] = value
                self.assertRefused(what, given, f"{ENCODER}/{where}", words)
                given = {"model": self.tensors(lambda n: "module." + n)}
                given["model"][ENCODER]["module." + where] = value
                self.assertRefused(what, given, where, *([words] if "tensor" in words and what == "complex" else []))
        for what in ("sparse", "quantised", "meta", "array", "list"):      # all of them, so that no encoder is there at all
            value, words = instead[what]
            for place in (lambda parts: parts, lambda parts: parts[ENCODER]):
                given = place({ENCODER: {n: value for n in self.plain[ENCODER]}})
                self.assertRefused(what, given, f"{name} is a {words.removeprefix('is a ')}")
        given = self.tensors()
        del given[ENCODER][deep]
        self.assertRefused("missing", given, f"{ENCODER}/{deep} is missing")
        self.assertRefused("missing in a dict", {"m": given}, f"m/{ENCODER}/{deep} is missing")

    def test_whole_numbers(self):
        """Weights of whole numbers are quantised ones, whose scale is another tensor; counts may be whole."""
        for type_ in ("i1", "u1", "i4", "i8", "b1"):
            for where in ("audio_self_att.affine_matrix.weight", "video_self_att.encoder.layers.0.linear1.weight",
                          "Cross_quantizer.embedding", "Cross_quantizer.ema_weight"):
                given = self.tensors()
                array = np.ones(self.plain[ENCODER][where].shape, "?" if type_ == "b1" else type_)
                given[ENCODER][where] = tw.tensor(array)
                self.assertRefused(type_, given, f"{ENCODER}/{where} is of {array.dtype}, "
                                   "and weights of whole numbers mean nothing without their scale; float16, ")
        given = self.tensors()
        for where in ("Cross_quantizer.ema_count", "Cross_quantizer.unactivated_count"):
            given[ENCODER][where] = tw.tensor(self.plain[ENCODER][where].astype("i8"))
        plain = self.tensors()
        for where in ("Cross_quantizer.ema_count", "Cross_quantizer.unactivated_count"):
            plain[ENCODER][where] = tw.tensor(self.plain[ENCODER][where].astype("i8").astype("f8"))
        self.assertConverts("plain", plain, want=self.model_of(given))

    def model_of(self, given):
        tw.save_zip(self.dir / "c.pt", given)
        ok, model, said = self.convert(self.dir / "c.pt")
        self.assertTrue(ok, said)
        return model

    def test_counts_below_0(self):
        """What a checkpoint is converted to can be opened."""
        given = self.tensors()
        count = self.plain[ENCODER]["Cross_quantizer.ema_count"].copy()
        count[3] = -0.5
        given[ENCODER]["Cross_quantizer.ema_count"] = tw.tensor(count)
        self.assertRefused("count", given, f"{ENCODER}/Cross_quantizer.ema_count[3] is -0.5, at least 0 expected")

    # ---- layouts ----

    def test_wrappers(self):
        for prefix in ("module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module.", "model.",
                       "net.encoder."):
            self.assertConverts(prefix, self.tensors(lambda name: prefix + name))
        for wrapper in ("_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"):
            self.assertConverts(wrapper, self.tensors(lambda name: re.sub(r"^(\w+)\.", rf"\1.{wrapper}.", name)))    # each submodule
            self.assertConverts(wrapper, self.tensors(lambda name: re.sub(r"(layers\.\d+)\.", rf"\1.{wrapper}.", name)))
        self.assertConverts("some", self.tensors(lambda name: "module." * name.startswith("audio") + name))

    def test_places(self):
        plain = self.tensors
        wrap = {
            "model": lambda: {"model": plain(), "epoch": 1}, "state_dict": lambda: {"state_dict": plain(), "optimizer": {}},
            "deep": lambda: {"a": {"b": [0, {"c": plain()}]}}, "list": lambda: [plain(), 1], "tuple": lambda: (1, plain()),
            "dict subclass": lambda: Config(plain()), "ordered": lambda: Ordered(state=Ordered(plain())),
            "attributes": lambda: argparse.Namespace(state=plain()), "dataclass": lambda: Settings(1, plain()),
            "defaultdict": lambda: collections.defaultdict(dict, plain()), "wrapped": lambda: {"model": plain(lambda n: "module." + n)},
            "the same twice": lambda: [{**{ENCODER: e}, LSTM: plain()[LSTM]} for e in [plain()[ENCODER]]] * 2,
            "other keys": lambda: {"encoder": plain()[ENCODER], "text_lstm": plain()[LSTM]},
            "beside a copy": lambda: {**plain(), "ema": {"shadow": plain()[ENCODER]}},
        }
        for name, make in wrap.items():
            self.assertConverts(name, make())
            self.assertConverts(name, make(), tw.save_old)

    def test_one_state_dict(self):
        """As Lightning saves a module of modules."""
        for first, second in (("Encoder.", "Text_ar_lstm."), ("model.Encoder.", "model.Text_ar_lstm."), ("encoder.", "text_ar_lstm."),
                              ("", "text_front."), ("module.enc.", "module.text.lstm.")):
            flat = collections.OrderedDict((first + k, v) for k, v in self.tensors()[ENCODER].items())
            flat.update((second + k, v) for k, v in self.tensors()[LSTM].items())
            self.assertConverts(first, flat)
            self.assertConverts(first, {"epoch": 3, "pytorch-lightning_version": "2.0", "state_dict": flat, "callbacks": {Slots: 1}})

    def test_a_whole_module(self):
        """torch.save(model): its tensors are those of its state dict."""
        def module(names):
            made, below = Module(), collections.defaultdict(dict)
            for name, x in names.items():
                head, _, rest = name.partition(".")
                if rest:
                    below[head][rest] = x
                else:
                    parts = made._buffers if head in ("embedding", "ema_count", "ema_weight", "unactivated_count") else made._parameters
                    parts[head] = x if parts is made._buffers else tw.Call(tw.PARAMETER, x, True, collections.OrderedDict())
            made._modules = {head: module(rest) for head, rest in below.items()}
            return made

        parts = self.tensors()
        for value in ([module(parts[ENCODER]), module(parts[LSTM])], {"Encoder": module(parts[ENCODER]), "lstm": module(parts[LSTM])},
                      Module(_modules={"module": Module(_modules={"Encoder": module(parts[ENCODER]), "Text": module(parts[LSTM])})})):
            self.assertConverts("module", value)

    def test_parameters(self):
        wrap = {"parameter": lambda t: tw.Call(tw.PARAMETER, t, True, collections.OrderedDict()),
                "subclass": lambda t: tw.Call(tw.SUBCLASS, tw.REBUILD, Settings, t.reduced[1], {"note": 1})}
        for name, make in wrap.items():
            given = self.tensors()
            self.assertConverts(name, {**given, ENCODER: collections.OrderedDict((k, make(v)) for k, v in given[ENCODER].items())})

    def test_a_bare_encoder(self):
        """The text's LSTM stands outside: what is whole is read, and what is not is said."""
        without = {part: value for part, value in self.tensors().items() if part in (ENCODER,)}
        two = {k: v for k, v in without[ENCODER].items() if not k.lower().startswith("text")}
        tw.save_zip(self.dir / "two.pt", {ENCODER: two})
        ok, want, said = self.convert(self.dir / "two.pt")
        self.assertTrue(ok, said)
        for value in (self.encoder(), self.encoder("module."), {"state_dict": self.encoder("model.")}, [self.encoder()]):
            said = self.assertConverts("bare", value, want=want)
            self.assertIn("text is left out; the text's LSTM (Text_ar_lstm_parameters), which is no part", said)
        self.assertRefused("known part", {ENCODER: self.encoder()}, "Text_ar_lstm_parameters/weight_ih_l0 is missing")
        audio = {k: v for k, v in self.encoder().items() if "video" not in k.lower()}
        self.assertRefused("one", audio, "of 1 of audio, video and text, expected two or three; the text's LSTM")

    def test_what_could_be_meant(self):
        one, other = self.encoder(), self.encoder()
        self.assertRefused("two", {"model": one, "ema": other}, "has 2 encoders, at \"model/\", \"ema/\"; save the one")
        self.assertRefused("list", [self.tensors(), self.tensors()], "at \"0/Encoder_parameters/\", \"1/Encoder_parameters/\"")
        for count, words in ((6, "has 6"), (17, "has more than 16")):
            self.assertRefused("many", [self.encoder() for _ in range(count)], f'{words} encoders, at "0/", "1/", "2/", "3/", ...')
        flat = {**{"net." + k: v for k, v in one.items()}, **{"net_ema." + k: v for k, v in other.items()}}
        self.assertRefused("flat", {"state_dict": flat}, "at \"state_dict/net.\", \"state_dict/net_ema.\"")
        both = {**one, **{"module." + k: v for k, v in other.items()}}
        self.assertRefused("both", both, "has 2 encoders, at \"\", \"module.\"")

    def test_training_goes_on(self):
        """Optimisers and steps are found where the parts are."""
        path = FIXTURES / "av.pt"
        plain = tw.load_zip(path)

        def tensors(value):
            if isinstance(value, np.ndarray):
                return tw.tensor(value)
            return type(value)((k, tensors(v)) for k, v in value.items()) if isinstance(value, dict) else \
                [tensors(v) for v in value] if isinstance(value, list) else value

        want = self.state(lu.Trainer.from_checkpoint(path))
        for name, value in {"plain": tensors(plain), "model": {"model": tensors(plain)}, "list": [0, tensors(plain)],
                            "wrapped": {k: {"module." + n: v for n, v in p.items()} if k.endswith("_parameters") else p
                                        for k, p in tensors(plain).items()}}.items():
            tw.save_zip(self.dir / "run.pt", value)
            self.assertTrue(self.state(lu.Trainer.from_checkpoint(self.dir / "run.pt")) == want, name)

    def test_moments_that_are_not_there(self):
        """Said, once a step was taken. Old torch calls parameters by their addresses."""
        path = FIXTURES / "av.pt"

        def trainer(change):
            def tensors(value):
                if isinstance(value, np.ndarray):
                    return tw.tensor(value)
                return {k: tensors(v) for k, v in value.items()} if isinstance(value, dict) else value

            given = tw.load_zip(path)
            change(given, given["optimizer"], given["optimizer"]["param_groups"][0])
            tw.save_zip(self.dir / "run.pt", tensors(given))
            lines = []
            lu.set_log(lambda warning, line: lines.append(line) if warning else None)
            try:
                return self.state(lu.Trainer.from_checkpoint(self.dir / "run.pt")), "\n".join(lines)
            finally:
                lu.set_log(None)

        def renumber(given, optimizer, group):
            ids = {k: 139_000_000_000_000 + 80 * (len(group["params"]) - k) for k in group["params"]}
            group["params"] = list(ids.values())
            optimizer["state"] = {ids[k]: v for k, v in optimizer["state"].items()}

        def rename(given, optimizer, group):
            optimizer["state"] = {k: {"step": v["step"], "momentum_buffer": v["exp_avg"]} for k, v in optimizer["state"].items()}

        def forget(given, optimizer, group):
            optimizer["state"] = {}

        def none_yet(given, optimizer, group):
            optimizer["state"], given["total_step"] = {}, 0

        def one_less(given, optimizer, group):
            del optimizer["state"][max(optimizer["state"])]

        want, said = trainer(lambda given, optimizer, group: None)
        self.assertNotIn("exp_avg", said)
        self.assertTrue(trainer(renumber) == (want, said))
        for change, words in ((rename, r"optimizer has no exp_avg and exp_avg_sq of (\d+) of \1 parameters"),
                              (forget, r"optimizer has no exp_avg and exp_avg_sq of (\d+) of \1 parameters"),
                              (one_less, r"optimizer has no exp_avg and exp_avg_sq of 1 of \d+ parameters, the first \w+_parameters/.*: Adam starts anew")):
            got, said = trainer(change)
            self.assertRegex(said, words)
            self.assertTrue(got != want)
        self.assertNotIn("exp_avg", trainer(none_yet)[1])

        def two_groups(given, optimizer, group):
            optimizer["param_groups"] = [{**group, "params": group["params"][:7]}, {**group, "params": group["params"][7:]}]

        def another_order(given, optimizer, group):
            given[ENCODER] = dict(sorted(given[ENCODER].items()))

        for change, words in ((two_groups, "optimizer has 7 parameters in the first of its groups, the modules "),
                              (another_order, " is not of the shape of ")):
            with self.assertRaises(lu.FormatError) as caught:
                trainer(change)
            self.assertIn(words, str(caught.exception))
            self.assertIn('without "optimizer" in it Adam starts anew', str(caught.exception))

    def state(self, trainer):
        trainer.save(self.dir / "state.npz")
        with np.load(self.dir / "state.run.npz", allow_pickle=False) as z:
            return {name: z[name] if isinstance(z[name], bytes) else z[name].tobytes() for name in z.files}

    # ---- files ----

    def test_names_of_files(self):
        tw.save_zip(self.dir / "c.pt", self.tensors())
        data = (self.dir / "c.pt").read_bytes()
        tw.save_old(self.dir / "old.pt", self.tensors())
        for name in ("model.pth.tar", "last.ckpt", "pytorch_model.bin", "model.pth", "model.pkl", "model.npz", "model", "model.tar"):
            for contents in (data, (self.dir / "old.pt").read_bytes()):
                path = self.dir / name
                path.write_bytes(contents)
                ok, model, said = self.convert(path)
                self.assertTrue(ok, (name, said))
                self.assertEqual(model, self.want, name)
                self.assertEqual(lu.Model(path).modalities, ("audio", "video", "text"))
                self.assertEqual(lu.Model(path, {"encoder.heads": 1}).config["encoder.heads"], 1)
                done = subprocess.run([BUILD / "bin/unic-inspect", path], capture_output=True, text=True)
                self.assertIn("a model", done.stdout, done.stderr)
                done = subprocess.run([BUILD / "bin/unic-convert", path, self.dir / "by program.npz"], capture_output=True)
                self.assertEqual((self.dir / "by program.npz").read_bytes(), self.want)
        (self.dir / "model.pt").write_bytes(self.want)
        self.assertEqual(lu.Model(self.dir / "model.pt").modalities, ("audio", "video", "text"))
        with self.assertRaisesRegex(lu.ArgumentError, "settings are for a checkpoint of the CMG code; .*model.pt has its own"):
            lu.Model(self.dir / "model.pt", {"encoder.heads": 1})
        # what is no model is not said to be one, whether there are settings or not
        np.savez(self.dir / "features.npz", audio=np.ones((2, 3, 4), "f4"))
        spoilt = bytearray(self.want)
        spoilt[self.want.index(b"codebook.idle.npy") + 200] ^= 1
        for contents, says in ((data[:-30], "truncated one: no end of directory"), (data[:len(data) // 2], "truncated one"),
                               (self.want[:-30], "truncated one"), (bytes(spoilt), "codebook.*damaged"),
                               ((self.dir / "features.npz").read_bytes(), "not a libunicode model")):
            (self.dir / "broken.pt").write_bytes(contents)
            for settings in ({}, {"encoder.heads": 1}):
                with self.assertRaisesRegex(lu.FormatError, f"broken.pt.*{says}"):
                    lu.Model(self.dir / "broken.pt", settings)

    def test_other_files(self):
        x = np.ones((2, 10, 4), "f4")
        file = io.BytesIO()
        np.save(file, x)
        header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
        onnx = "an ONNX file; the checkpoint"
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as t:
            t.addfile(tarfile.TarInfo("x"))
        kinds = {
            "one array (.npy)": file.getvalue(), "an HDF5 file; h5_to_npz.py of the examples/tools": b"\x89HDF\r\n\x1a\n" + b"\0" * 600,
            "a MATLAB file": b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(200), "a tar archive": tar.getvalue(),
            "a compressed file": gzip.compress(b"x" * 100), "a pickle": pickle.dumps({"a": x}), "a pickle; save": pickle.dumps({"a": 1}, 0),
            "a safetensors file": len(header).to_bytes(8, "little") + header + b"\0\0\0\0", "a GGUF file": b"GGUF" + b"\0" * 100,
            onnx: b"\x08\x08\x12\x07pytorch\x1a\x051.13." + b"\0" * 100, "a Parquet file; pyarrow": b"PAR1" + b"\0" * 100 + b"PAR1",
            "an Arrow or Feather file; pyarrow": b"ARROW1\0\0" + b"\0" * 100,
            "a pointer of Git LFS and not the file itself; \"git lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            "a TensorFlow file": b"\x08\x01\x12\xc1\x03\n\x3f" + b"\0" * 100,
        }
        more = [("an Arrow or Feather file", b"FEA1" + b"\0" * 50),
                ("an Arrow or Feather file", b"\xff\xff\xff\xff\x10\0\0\0" + b"\0" * 100), ("a TensorFlow file", b"\x1c\0\0\0TFL3" + b"\0" * 50),
                ("a TensorFlow file", b"\0\0\x06\x08\x01\x1a\x02\x08\x01" + b"\0" * 50), ("a pickle", pickle.dumps({"a": 1}, 1)),
                ("a pickle", pickle.dumps([1, 2], 1)), ("a compressed file", b"\x04\x22\x4d\x18" + b"\0" * 50),
                ("a compressed file", b"\x1f\x9d\x90" + b"\0" * 50)]
        more += [("an ONNX file", kinds[onnx][:1] + bytes([version]) + kinds[onnx][2:]) for version in (3, 10)]
        for words, contents in [*kinds.items(), *more]:
            said = words.partition(";")[0]
            for name in ("x.pt", "x.npz", "x.h5", "x"):
                path = self.dir / name
                path.write_bytes(contents)
                ok, _, stderr = self.convert(path)
                self.assertFalse(ok)
                self.assertIn(f"{name}: is {said}, a model (.npz) or a checkpoint of the CMG code", stderr)
                for call in (lambda: lu.Model(path), lambda: lu.Model(path, {"encoder.heads": 2}), lambda: lu.Dataset(path),
                             lambda: lu.Trainer.from_checkpoint(path)):
                    with self.assertRaisesRegex(lu.FormatError, re.escape(f"{name}: is {words.split(';')[0]}")):
                        call()
                done = subprocess.run([BUILD / "bin/unic-inspect", path], capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(words.split(";")[0], done.stderr)
        with self.assertRaisesRegex(lu.FormatError, "h5_to_npz.py of the examples/tools makes an npz"):
            (self.dir / "x.h5").write_bytes(kinds["an HDF5 file; h5_to_npz.py of the examples/tools"])
            lu.Dataset(self.dir / "x.h5")
        with self.assertRaisesRegex(lu.FormatError, r"is a file of torch.save\(\), data in an npz"):
            lu.Dataset(FIXTURES / "avt.pt")

    def test_checkpoints_of_other_models(self):
        fcid = {"Encoder_parameters": {"Cross_quantizer_coarse.embedding": tw.tensor(np.ones((4, 2))),
                                       "v_self_att.affine_matrix.weight": tw.tensor(np.ones((2, 2))),
                                       "va2vat.linear.weight": tw.tensor(np.ones((2, 2)))}, "epoch": 1, "total_step": 2000}
        self.assertRefused("FCID", fcid, "is a checkpoint of FCID (it has Encoder_parameters/Cross_quantizer_coarse.embedding)")
        resnet = {"state_dict": {"conv1.weight": tw.tensor(np.ones((2, 2))), "fc.bias": tw.tensor(np.ones(2))}, "epoch": 1}
        self.assertRefused("resnet", resnet, "not a CMG checkpoint", "it is a dict of state_dict, epoch with 2 tensors, first state_dict/conv1.weight")
        self.assertRefused("tensor", tw.tensor(np.ones(3)), "audio, video or text; it is a tensor")
        self.assertRefused("nothing", {}, "it is a dict with 0 tensors")
        self.assertRefused("object", argparse.Namespace(a=1), "it is an object of argparse.Namespace of a with 0 tensors")
        many = {f"key{i}": i for i in range(9)}
        self.assertRefused("many", many, "a dict of key0, key1, key2, key3, key4, key5 and 3 more keys with 0 tensors")

    # ---- hostile ----

    def test_nothing_is_called(self):
        mark = self.dir / "called"
        for protocol in range(2, 6):
            for call in (tw.Call(os.system, f"touch {mark}"), tw.Call(eval, f"open({str(mark)!r}, 'w')"), tw.Call(exec, f"open({str(mark)!r}, 'w')"),
                         tw.Call(open, str(mark), "w"), tw.Call(subprocess.Popen, ["touch", str(mark)])):
                self.assertConverts("call", {**self.tensors(), "x": call, "y": [call]}, protocol=protocol)
        self.assertFalse(mark.exists())

    def raw(self, opcodes, deflated=False):
        """A checkpoint whose pickle is these opcodes; how long it takes and how much it needs at most."""
        path = self.dir / "bomb.pt"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED) as z:
            z.writestr("archive/data.pkl", opcodes)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([BUILD / "bin/unic-convert", path, self.dir / "no.npz"], capture_output=True, text=True, timeout=60,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (900 << 20, 900 << 20)))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertLess(after.ru_utime - before.ru_utime, 20)
        return done.stderr

    def test_bombs(self):
        """Small files that ask for much are refused before they get it."""
        doubling = b"\x80\2]q\0" + b"".join(b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) for i in range(60)) + b"."
        self.assertIn("a tree of more than 4194304 values", self.raw(doubling))
        self.assertIn("nested more than 256 deep", self.raw(b"\x80\2" + b"]" * 100000 + b"a" * 99999 + b"."))
        self.assertIn("nested more than 256 deep", self.raw(b"\x80\2" + b"cmy\nA\n)\x81" * 50000 + b"a" * 49999 + b"."))
        self.assertIn("changes a dict that already stands", self.raw(b"\x80\2}q\0]q\1h\0a0h\0NNs."))
        # Lists that all contain each other, and 20000 circles that a million values each would be looked through for.
        lists = b"".join(b"]q" + bytes([i]) for i in range(100))
        each = b"(" + b"".join(b"h" + bytes([k]) for k in range(100)) + b"e"
        self.assertIn("a tree of more than", self.raw(b"\x80\2" + lists + (each + b"a") * 99 + each + b"."))
        circles = b"".join(b"]r" + i.to_bytes(4, "little") + b"j" + i.to_bytes(4, "little") + b"h\0\x86a0" for i in range(1, 20001))
        self.assertIn("changes a list that already stands", self.raw(b"\x80\2]q\0(" + b"N" * 1000000 + b"e" + circles + b"."))
        self.assertIn("more bytes expected", self.raw(b"\x80\4\x8e" + b"\xff" * 7 + b"\x7f."))
        self.assertIn("more bytes expected", self.raw(b"\x80\2\x8b\xff\xff\xff\x7f."))
        self.assertIn("comes after", self.raw(b"\x80\2Nr\xff\xff\xff\x7f."))
        self.assertIn("4194304 opcodes", self.raw(b"\x80\2" + b"N0" * 3000000 + b"N."))
        self.assertIn("values wait on the stack", self.raw(b"\x80\2" + b"N" * 2000000 + b"."))
        self.assertIn("at most 67108864 expected", self.raw(b"\x80\2" + b"\0" * (65 << 20)))
        self.assertIn("data.pkl inflates from", self.raw(b"\x80\2" + b"N0" * 1000000 + b"N.", deflated=True))
        self.assertIn("EXT1: an opcode that is not read", self.raw(b"\x80\2\x82\1."))
        self.assertIn("NEXT_BUFFER: an opcode that is not read", self.raw(b"\x80\5\x97."))

    def test_a_limit_on_memory(self):
        """A limit is the caller's word, whatever the file says; without one the same file is read."""
        tw.save_zip(self.dir / "c.pt", {**self.tensors(), "x": [[i] for i in range(100000)]})
        tw.save_old(self.dir / "old.pt", {**self.tensors(), "x": [[i] for i in range(100000)]})
        for name in ("c.pt", "old.pt"):
            path = self.dir / name
            for call in (lambda limit: lu.Model(path, memory_limit=limit), lambda limit: lu.Model(path, {"encoder.heads": 1}, memory_limit=limit),
                         lambda limit: lu.Trainer.from_checkpoint(path, memory_limit=limit)):
                for limit in (1000, 300000, 5000000):
                    with self.assertRaisesRegex(MemoryError, f"{name} asks for .*, the limit is "):
                        call(limit)
            self.assertEqual(lu.Model(path, memory_limit=10**9).modalities, ("audio", "video", "text"))


if __name__ == "__main__":
    unittest.main()
