"""The rows of the table: what each sets over the config, and what the paper has for it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Optional, Sequence

DEMO = Path(__file__).resolve().parent.parent / "demo"


class Row(NamedTuple):
    """A way to pre-train.

    paper: its figures in the paper, in %, of AVE V>A and A>V and of AVVP V>A and A>V, pre-trained on
    VGGsounds-AVEL 40K; None: the paper has no such row.
    """

    name: str
    title: str
    group: str
    settings: tuple[str, ...] = ()
    paper: Optional[tuple[float, float, float, float]] = None


def settings_of(path: Path) -> dict[str, str]:
    """The lines `key = value` of a config, in their order."""
    lines = (line.partition("#")[0] for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}


METHODS, ABLATIONS, SIZES, ADVICE = "methods", "ablations", "codebook sizes", "beyond the paper"
SUCCESSORS = "successors"

STANDARD_CODES = 200                                 # of preset = small
PAIRS = "code.count=196"                             # of 14 parts each: a square near to it
SMALL_SIZES = ("preset=recommended", "code.dim=64", "code.count=200", "encoder.ff=128", "train.epochs=20")
NO_MM_EMA = ("ema.partner=none", "commit.cross=0")   # without it partners are in neither (P6, P7)


def objective(word: str, title: str, paper: tuple[float, float, float, float], *more: str) -> Row:
    """A row that is one word of the config, and what that word needs."""
    return Row(word, title, METHODS, (f"objective={word}", *more), paper)


ROWS: Sequence[Row] = (
    # Table 1.
    objective("baseline", "Baseline", (5.5, 5.4, 6.9, 8.7)),
    objective("smit", "S-MiT", (14.4, 15.9, 19.0, 22.3)),
    objective("mst", "MST", (19.5, 23.1, 22.7, 24.5)),
    objective("codis", "CODIS", (20.8, 26.4, 35.1, 37.9)),
    objective("turn", "TURN", (19.1, 24.3, 36.9, 39.3), PAIRS),
    objective("cmcm", "CMCM", (32.7, 36.8, 41.9, 45.1)),
    objective("dcid+smit", "DCID + S-MiT", (32.2, 34.0, 47.8, 53.0)),
    objective("dcid+mst", "DCID + MST", (34.9, 37.8, 54.4, 59.1)),
    objective("dcid+codis", "DCID + CODIS", (36.7, 41.0, 52.6, 62.0)),
    objective("dcid+turn", "DCID + TURN", (29.7, 36.9, 55.2, 58.2), PAIRS),
    objective("dcid+cmcm", "DCID + CMCM", (36.4, 42.9, 58.7, 62.8)),
    Row("unicode", "Uni-Code", METHODS, (), (47.7, 52.3, 64.0, 65.6)),

    # Uni-Code's successors; their papers have other tables.
    Row("hdcid", "H-DCID", SUCCESSORS, ("objective=hdcid",)),
    Row("codaar", "CoDAAR", SUCCESSORS, ("objective=codaar",)),

    # Table 2. The paper's row without MM-EMA has the figures of its DCID + CMCM.
    Row("no-club", "- CLUB", ABLATIONS, ("club.weight=0",), (37.2, 40.3, 52.9, 59.5)),
    Row("no-cpc", "- Cross-CPC", ABLATIONS, ("cpc.weight=0",), (5.2, 7.1, 12.3, 24.1)),
    Row("no-club-cpc", "- CLUB - Cross-CPC", ABLATIONS, ("club.weight=0", "cpc.weight=0"),
        (35.2, 36.9, 32.3, 34.0)),
    Row("no-mm-ema", "- MM-EMA", ABLATIONS, NO_MM_EMA, (36.4, 42.9, 58.7, 62.8)),
    Row("no-reset", "- reset", ABLATIONS, ("reset.rule=off",), (38.9, 40.3, 55.4, 62.1)),
    Row("no-cmcm", "- L_cmcm", ABLATIONS, ("code_match.weight=0",), (41.3, 46.0, 58.7, 62.8)),
    Row("no-mm-ema-reset", "- MM-EMA - reset", ABLATIONS, (*NO_MM_EMA, "reset.rule=off"),
        (31.5, 33.8, 46.0, 48.3)),

    *(Row(f"codes-{n}", f"{n} codes", SIZES, (f"code.count={n}",)) for n in (25, 50, 100, 400, 800)),

    Row("micu", "MICU", ADVICE, ("objective=micu",)),
    Row("recommended-micu", "`recommended` with MICU's terms", ADVICE, ("preset=recommended", "objective=micu")),
    Row("recommended-micu-contrast", "MICU's masked contrast alone", ADVICE,
        ("preset=recommended", "objective=micu", "jigsaw.weight=0")),
    Row("recommended-micu-jigsaw", "MICU's jigsaw alone", ADVICE,
        ("preset=recommended", "objective=micu", "masked.weight=0")),
    Row("paper-weights", "Uni-Code, the paper's weights", ADVICE, ("club.weight=1", "cpc.self=0")),
    Row("recommended", "preset = recommended", ADVICE, ("preset=recommended",)),
    Row("recommended-no-contrast", "- masked contrast", ADVICE, ("preset=recommended", "masked.weight=0")),
    Row("recommended-small", "- its sizes: those of `small`, 20 epochs", ADVICE, SMALL_SIZES),
    Row("recommended-weak", "- its sizes, masked contrast of weight 1", ADVICE,
        (*SMALL_SIZES, "masked.weight=1", "masked.temperature=0.1")),
    Row("recommended-club", "+ CLUB at 0.1", ADVICE, ("preset=recommended", "club.weight=0.1")),
    Row("recommended-attention", "+ partners by attention", ADVICE, ("preset=recommended", "ema.partner=attention")),
    Row("recommended-full", "+ all of the clip as context", ADVICE, ("preset=recommended", "encoder.context=full")),
    Row("recommended-constant", "+ a constant learning rate", ADVICE, ("preset=recommended", "train.schedule=constant")),
    Row("recommended-12", "+ 12 epochs", ADVICE, ("preset=recommended", "train.epochs=12")),
)


def chosen(words: Sequence[str]) -> list[Row]:
    """Rows by name or by group ("ablations"), each once, in the table's order; none: all."""
    names, groups = [r.name for r in ROWS], list(dict.fromkeys(word_of(r.group) for r in ROWS))
    unknown = [word for word in words if word not in names and word not in groups]
    if unknown:
        raise ValueError(f"no row is called {', '.join(unknown)}; there are {', '.join(names)}, and the groups "
                         + ", ".join(groups))
    return [r for r in ROWS if not words or r.name in words or word_of(r.group) in words]


def word_of(group: str) -> str:
    """A group's name as one word."""
    return group.replace(" ", "-")


def config_text(base: Path, settings: Sequence[str]) -> str:
    """The config of a run: the base file's keys, with those of the settings in their places.

    A row may so have another preset or objective, which a config must name before the keys that they change.
    """
    keys = {"behaviour": "", "preset": "", "objective": "unicode", **settings_of(base)}    # these in front
    for setting in settings:
        key, _, value = setting.partition("=")
        keys[key] = value
    return "".join(f"{key} = {value}\n" for key, value in keys.items() if value)
