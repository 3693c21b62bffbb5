"""Configs: the settings of a model and of its training run."""

from __future__ import annotations

import ctypes
import functools
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Protocol, Tuple, Union

import numpy as np

from . import _arguments as arguments
from . import _lib
from ._arguments import StrPath
from ._errors import ArgumentError, ConfigError
from ._handle import Handle, Owner
from ._lib import lib

Value = Union[str, int, float, bool, Tuple[int, ...]]


class HasModalities(Protocol):
    """What names modalities and the dims of a step of each: a Dataset, Arrays, a Model."""

    @property
    def modalities(self) -> Tuple[str, ...]:
        """The names."""

    def feature_dims(self, modality: str) -> Tuple[int, ...]:
        """The dims of one step, as (7, 7, 64)."""


Modalities = Union[str, Mapping[str, Tuple[Any, ...]], HasModalities]


class Key(NamedTuple):
    """One key as docs/config.md shows it; keys of a modality are named "<modality>.kind" and so on."""

    name: str
    type: str                 # "number", "integer", "choice", "text", "integers", "switch"
    value: str                # the default
    compat: Optional[str]     # the default under behaviour = compat, None if the same
    allowed: str
    help: str


class Config(Handle):
    """Typed settings with bounds and defaults.

        config = Config(preset="small", modalities={"image": ("grid", 7, 7, 64), "speech": ("vector", 128)},
                        **{"train.batch": 32})
        config["train.epochs"] = 20
        print(config["image.dims"], config["reset.ema"])      # (7, 7, 64) True

    docs/config.md lists the keys, and so does Config.keys_known(). A key or a value that is not allowed
    raises ConfigError, which names it and what is allowed; nothing is changed then.
    """

    _kind = "config"

    def __init__(self, *, modalities: Optional[Modalities] = None, **settings: Any) -> None:
        """Every default, then `settings`: `behaviour`, `preset` and `objective` first, whatever their order.

        modalities  their names and each one's kind and dims, {"speech": ("vector", 128), ...}; or data (a
                    Dataset, Arrays), whose dims decide: three are a grid, one is a vector.
        """
        pointer = _lib.CONFIG()
        lib.unic_config_create(ctypes.byref(pointer))
        super().__init__(pointer, lib.unic_config_free)
        if modalities is not None:
            settings["modalities"] = modalities
        self.update(settings)

    @classmethod
    def parse(cls, text: str, source: Optional[str] = None) -> "Config":
        """A config from text, one `key = value` a line; errors name `source` and the line."""
        config = cls()
        with config._use() as pointer:
            lib.unic_config_parse(pointer, arguments.text("text", text),
                                  None if source is None else arguments.text("source", source))
        return config

    def __reduce__(self) -> Any:
        return Config.parse, (str(self),)

    @classmethod
    def load(cls, path: StrPath) -> "Config":
        """A config from a text file."""
        config = cls()
        with config._use() as pointer:
            lib.unic_config_load(pointer, arguments.path(path))
        return config

    def copy(self) -> "Config":
        """Another config with the same settings."""
        config = Config()
        with self._use() as pointer:
            config._owner = _copy(pointer)
        return config

    def update(self, settings: Mapping[str, Any]) -> None:
        """Set several keys, or none if one of them is refused."""
        pairs = _pairs(settings)
        with self._use() as pointer:
            draft = _copy(pointer)
            for key, value in pairs:
                lib.unic_config_set(draft.pointer, arguments.text("key", key), arguments.text(key, value))
            self._owner = draft

    def check(self) -> None:
        """Raise ConfigError for what single keys cannot show: two modalities at least, dims for each, ..."""
        with self._use() as pointer:
            lib.unic_config_check(pointer)

    @property
    def modalities(self) -> Tuple[str, ...]:
        """The modalities' names."""
        return tuple(self["modalities"].split())

    def __getitem__(self, key: str) -> Any:
        """A key's value: int, float, bool (a switch), a tuple of int (dims), or str."""
        value = ctypes.c_char_p()
        with self._use() as pointer:
            lib.unic_config_get(ctypes.byref(value), pointer, arguments.text("key", key))
            text = (value.value or b"").decode()
        return _from_text(_type_of(key), text)

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def keys(self) -> List[str]:
        """The keys there are with these modalities."""
        return [line.split(" =")[0] for line in str(self).splitlines()]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def __len__(self) -> int:
        return len(self.keys())

    def __str__(self) -> str:
        """Every key with its value, one `key = value` a line; Config.parse() reads it."""
        value = ctypes.c_char_p()
        with self._use() as pointer:
            lib.unic_config_text(ctypes.byref(value), pointer)
            return (value.value or b"").decode()

    def __repr__(self) -> str:
        return "<libunicode.Config, closed>" if self.closed else f"<libunicode.Config: {', '.join(self.modalities)}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Config):
            return NotImplemented
        return str(self) == str(other)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        return Config.parse, (str(self),)

    @staticmethod
    def keys_known() -> Tuple[Key, ...]:
        """Every key with its type, default, bounds and meaning."""
        return _keys()


def _copy(pointer: Any) -> Owner:
    copy = _lib.CONFIG()
    lib.unic_config_copy(ctypes.byref(copy), pointer)
    return Owner(copy, lib.unic_config_free)


@functools.lru_cache(maxsize=None)
def _keys() -> Tuple[Key, ...]:
    keys = []
    for i in range(lib.unic_config_key_count()):
        key = _lib.sized(_lib.ConfigKey)
        lib.unic_config_key_at(ctypes.byref(key), i)
        name, kind, value, allowed, meaning = (
            field.decode() for field in (key.name, key.type, key.value or b"", key.allowed, key.help))
        keys.append(Key(name, kind, value, key.compat and key.compat.decode(), allowed, meaning))
    return tuple(keys)


@functools.lru_cache(maxsize=None)
def _types() -> Dict[str, str]:
    return {key.name: key.type for key in _keys()}


def _type_of(key: str) -> str:
    of_modality = "<modality>." + key.rpartition(".")[2]
    return _types().get(key, _types().get(of_modality, "text"))


def _from_text(kind: str, text: str) -> Value:
    if kind == "integers":
        return tuple(map(int, text.split()))
    if kind == "switch":
        return text == "on"
    if kind in ("integer", "number") and text:
        return int(text) if kind == "integer" else float(text)
    return text


def _to_text(key: str, value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "on" if value else "off"
    if isinstance(value, (list, tuple, np.ndarray)):
        return " ".join(_to_text(key, part) for part in value)
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    if isinstance(value, (int, np.integer, str)):
        return str(value)
    raise TypeError(f"{key} is {type(value).__name__}, but must be a number, a string, a bool or a tuple")


def _pairs(settings: Mapping[str, Any]) -> List[Tuple[str, str]]:
    """Keys and their texts, those first that govern others or name modalities."""
    pairs = []
    for key, value in settings.items():
        if key != "modalities" or isinstance(value, (str, list, tuple)):
            pairs.append((key, _to_text(key, value)))
            continue
        if not isinstance(value, Mapping) and not hasattr(value, "feature_dims"):
            raise arguments.wrong("modalities", value, "kinds and dims by name, data or a model")
        kinds = value if isinstance(value, Mapping) else _kinds(value)
        for name, what in kinds.items():
            arguments.instance("a modality's name", name, str)
            if not isinstance(what, (tuple, list)) or not what:
                raise arguments.wrong(f"the modality {name!r}", what, "a tuple of its kind and dims")
        pairs.append((key, " ".join(kinds)))
        for name, (kind, *dims) in kinds.items():
            pairs += [(f"{name}.kind", kind), (f"{name}.dims", _to_text(name, dims))]
    first = ("behaviour", "preset", "objective", "modalities")
    return sorted(pairs, key=lambda pair: first.index(pair[0]) if pair[0] in first else len(first))


def _kinds(data: HasModalities) -> Dict[str, Tuple[Any, ...]]:
    dims = {name: data.feature_dims(name) for name in data.modalities}
    for name, shape in dims.items():
        if len(shape) not in (1, 3):
            raise ConfigError(f"{name} has steps of {len(shape)} dims; one (a vector) or three (a grid) expected")
    return {name: ("grid" if len(shape) == 3 else "vector", *shape) for name, shape in dims.items()}


def lines(settings: Union[None, str, Mapping[str, Any]]) -> Optional[bytes]:
    """Settings as the text that the imports take; None if there are none."""
    if settings is None or isinstance(settings, str):
        return None if settings is None else arguments.text("settings", settings)
    pairs = _pairs(settings)
    for key, value in pairs:
        if any(c in key + value for c in "\n#="):
            raise ArgumentError(f"the setting {key!r}: {value!r} is not one line of `key = value`")
    return arguments.text("settings", "".join(f"{key} = {value}\n" for key, value in pairs))
