"""Configs: keys of every type, order, errors that change nothing, text and back."""

from __future__ import annotations

import pickle

import libunicode as lu
import numpy as np
from helpers import KINDS, ROOT, Fixture, config, raises


def test_keys() -> None:
    settings = config(preset="small")
    assert settings.modalities == ("image", "speech") and settings["modalities"] == "image speech"
    assert settings["image.kind"] == "grid" and settings["image.dims"] == (5, 5, 8)
    assert settings["train.batch"] == 10 and type(settings["train.batch"]) is int
    assert settings["encoder.dropout"] == 0.1 and settings["reset.ema"] is True and settings["preset"] == "small"
    settings["reset.ema"] = False
    settings["train.lr"] = np.float32(0.5)
    settings["image.dims"] = np.array([7, 7, 64])
    settings["train.seed"] = 2**64 - 1
    assert (settings["reset.ema"], settings["train.lr"], settings["image.dims"]) == (False, 0.5, (7, 7, 64))
    assert settings["train.seed"] == 2**64 - 1 and "reset.ema = off\n" in str(settings)
    assert "image.dims" in settings and "smell.dims" not in settings and len(settings) == len(list(settings))
    assert dict(settings)["code.dim"] == settings["code.dim"]
    assert repr(settings) == "<libunicode.Config: image, speech>"


def test_order_and_data(f: Fixture) -> None:
    """What governs is set first, whatever the order; kinds and dims may come from data."""
    a = lu.Config(**{"train.batch": 8, "image.specific": 4, "preset": "small", "modalities": KINDS})
    b = lu.Config(preset="small", modalities=KINDS, **{"image.specific": 4, "train.batch": 8})
    assert a == b and a["train.batch"] == 8 and a["code.dim"] == 64 and a != lu.Config()
    for data in (lu.Dataset(f.data), lu.Arrays(f.arrays), f.model()):
        assert lu.Config(modalities=data) == lu.Config(modalities=KINDS)
    odd = lu.Arrays({"a": np.zeros((2, 3, 4, 5))})
    raises(lu.ConfigError, "a has steps of 2 dims", lambda: lu.Config(modalities=odd))


def test_text(f: Fixture) -> None:
    settings = config()
    assert lu.Config.parse(str(settings)) == settings == settings.copy() == pickle.loads(pickle.dumps(settings))
    path = f.folder / "config.ini"
    path.write_text("# a comment\n" + str(settings))
    assert lu.Config.load(path) == settings
    copy = settings.copy()
    copy["code.dim"] = 32
    assert settings["code.dim"] == 16
    single = lu.Config(**{"train.lr": 0.25}).copy()
    single["preset"] = "small"
    assert single["train.lr"] == 0.25 and single["code.dim"] == 64        # a copy knows what was set one by one
    raises(lu.ConfigError, "config.ini:2", lambda: lu.Config.parse("\ncode.dim = x", "config.ini"))
    raises(lu.NotFoundError, "nowhere.ini", lambda: lu.Config.load(f.folder / "nowhere.ini"))


def test_refused() -> None:
    settings = config()
    before = str(settings)
    for key, value, error, text in (
            ("code.dmi", 3, lu.ConfigError, "did you mean code.dim?"), ("code.dim", 0, lu.ConfigError, "code.dim"),
            ("code.dim", -1, lu.ConfigError, "code.dim"), ("ema.decay", 1.2, lu.ConfigError, "1.2"),
            ("ema.decay", float("nan"), lu.ConfigError, "nan"), ("padding", "mask", lu.ConfigError, "mask"),
            ("code.dim", None, TypeError, "NoneType"), ("code\0", 1, lu.ArgumentError, "zero byte"),
            ("padding", "real\0", lu.ArgumentError, "zero byte"), ("modalities", 3, TypeError, "modalities is 3 (int)"),
            ("ema.decay", "0.5\ncode.dim = 3", lu.ConfigError, "ema.decay")):
        raises(error, text, lambda: settings.update({"train.epochs": 99, key: value}))
        assert str(settings) == before
    raises(lu.ConfigError, "code.dmi", lambda: settings["code.dmi"])
    raises(lu.ConfigError, "modalities", lambda: lu.Config().check())
    raises(lu.ConfigError, "code.dim", lambda: config(**{"code.dim": 17}).check())
    settings.check()


def test_known_keys() -> None:
    """The table behind docs/config.md."""
    keys = {key.name: key for key in lu.Config.keys_known()}
    assert keys["ema.decay"].value == "0.99" and keys["ema.decay"].allowed == "[0, 1)"
    assert keys["padding"].compat == "real" and keys["code.dim"].compat is None
    assert {key.type for key in keys.values()} == {"number", "integer", "choice", "text", "integers", "switch"}
    text = (ROOT / "docs/config.md").read_text()
    assert all(f"| `{name}` |" in text and key.help for name, key in keys.items())
