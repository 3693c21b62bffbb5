"""Sentences about the garments, one token a step, and the features of a token.

A clip's event is described by clauses that fill its span exactly ("a photo of two red trainers and
this old running shoe"); outside it stand words about something else. So most tokens of an event
do not name its class: what they belong to must be read from the others. Validation and test
each have templates and names of their own, which no other split uses, and every split has
misspellings.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple, Sequence

import numpy as np

DIM = 64
BUCKETS, NGRAMS = 4096, (3, 4, 5)
PROJECTION_SEED = 20240229           # fixed: a word has the same vector in every data set
TYPOS, TYPO_LENGTH = 0.05, 4         # share of the tokens of at least so many letters
NEW_NAMES = 0.25                     # of the mentions in valid and test, by names of their own
NEW_WORDS = 0.25                     # of the background words there
ADJECTIVE_ODDS = (0.5, 0.35, 0.15)   # of 0, 1, 2 before a name

# In the order of speech.WORDS: the names of a class in every split, only in valid, only in test.
NAMES = [
    ("t-shirt, tee, tshirt", "t shirt", "tee-shirt"),
    ("trouser, pant, slack", "trackpant", "pantaloon"),
    ("pullover, sweater, jumper", "wool sweater", "pull-over"),
    ("dress, gown, frock", "sundress", "minidress"),
    ("coat, overcoat, parka", "raincoat", "topcoat"),
    ("sandal, flip-flop, slider", "flipflop", "sandalette"),
    ("shirt, blouse, button-down", "polo shirt", "dress shirt"),
    ("sneaker, trainer, running shoe", "tennis shoe", "gym shoe"),
    ("bag, handbag, purse", "shoulder bag", "tote-bag"),
    ("ankle boot, boot, bootie", "ankle-boot", "chelsea boot"),
]

# A clause; {one} and {many} are a name and its plural, with adjectives or without.
TEMPLATES = {
    "train": """
        a {one} / the {one} / this {one} / my {one} / his {one} / two {many} / these {many}
        a photo of a {one} / a picture of the {one} / a photograph of some {many}
        here is a {one} / there is a {one} here / this is the {one} / look at this {one}
        she wears a {one} / he wears his {one} / they wear {many} / he bought a {one}
        she found her {one} / we see a {one} / we saw some {many} / you can see the {one}
        people like these {many} / a {one} on a table / the {one} on a hanger
        a {one} in a shop / {many} for sale / a close view of a {one} / many {many} in the shop
        """,
    "valid": """
        her {one} / three {many} / a snapshot of a {one} / this picture shows some {many}
        he likes the {one} / {many} in a window / they sell {many} / see my {one}
        one {one} on the floor / a {one} seen from above / which {one} do you like
        """,
    "test": """
        our {one} / those {many} / an image of a {one} / this photo shows the {one}
        she likes her {one} / {many} on a shelf / we sell {many} / here are two {many}
        one {one} in the picture / a drawing of a {one} / someone wears a {one}
        whose {one} is this
        """,
}

ADJECTIVES = """red blue green black white grey brown old new small large plain striped worn clean
                cheap nice soft warm light""".split()

# Of the background: in every split, only in valid, only in test. The first line may stand in an
# event too, so a token alone does not always tell whether it belongs to one.
NEUTRAL = (
    """the of and in on a is we they here this you
       rain cloud wind river bridge road train station monday july evening morning music radio song
       violin dinner soup bread coffee garden tree bird horse window door kitchen letter number
       minute hour history city village mountain water fire stone quickly slowly maybe later often
       never still almost walked talked waited sang drove cooked opened asked answered""".split(),
    "summer harbour piano tea forest doctor perhaps again whispered travelled".split(),
    "winter airport guitar juice meadow teacher seldom soon shouted arrived".split(),
)


class Kit(NamedTuple):
    """What the sentences of a split are made of."""

    templates: list[list[str]]
    names: list[list[str]]               # of each class, in every split
    own_names: list[list[str]]           # of each class, in this split only; empty for train
    neutral: list[str]
    own_neutral: list[str]


def kit_of(split: str) -> Kit:
    """Of "train", "valid" or "test"; nothing that is a split's own is found in another."""
    order = list(TEMPLATES)
    templates = [[t.split() for line in TEMPLATES[name].strip().splitlines()
                  for t in line.split("/")] for name in order]
    names = [[[name.strip() for name in column.split(",")] for column in row] for row in NAMES]
    everything = [[" ".join(t) for kit in templates for t in kit],
                  [name for row in names for column in row for name in column],
                  [word for column in NEUTRAL for word in column]]
    for items in everything:
        twice = sorted({item for item in items if items.count(item) > 1})
        if twice:
            raise RuntimeError(f"text.py has twice what must be there once: {', '.join(twice)}")
    own = order.index(split)
    if own == 0:                         # train has what all have, and nothing of its own
        return Kit(templates[0], [row[0] for row in names], [[] for _ in names], NEUTRAL[0], [])
    return Kit(templates[own], [row[0] for row in names], [row[own] for row in names],
               NEUTRAL[0], NEUTRAL[own])


# ---------------------------------------------------------------------------------------------
# sentences

def write(events: np.ndarray, background: int, kit: Kit,
          rng: np.random.Generator) -> list[list[str]]:
    """The tokens of clips, one a step; events [N,T] is the class of each step or background."""
    return [clip_tokens(row, background, kit, rng) for row in events]


def clip_tokens(row: np.ndarray, background: int, kit: Kit,
                rng: np.random.Generator) -> list[str]:
    """One clip: background words, and in their midst the event's sentence."""
    inside = np.flatnonzero(row != background)
    tokens = [pick(kit.neutral, kit.own_neutral, NEW_WORDS, rng) for _ in row]
    tokens[inside[0]:inside[-1] + 1] = sentence(row[inside[0]], len(inside), kit, rng)
    return [misspelt(token, rng) for token in tokens]


def sentence(label: int, length: int, kit: Kit, rng: np.random.Generator) -> list[str]:
    """Clauses about a class, joined by "and", of `length` >= 3 tokens in all.

    They are drawn until they fit; every kit has clauses of three tokens.
    """
    while True:
        tokens = clause(label, kit, rng)
        while len(tokens) < length:
            tokens += ["and", *clause(label, kit, rng)]
        if len(tokens) == length:
            return tokens


def clause(label: int, kit: Kit, rng: np.random.Generator) -> list[str]:
    """A template with a name in it."""
    name = pick(kit.names[label], kit.own_names[label], NEW_NAMES, rng)
    number = rng.choice(len(ADJECTIVE_ODDS), p=ADJECTIVE_ODDS)
    adjectives = list(rng.choice(ADJECTIVES, number, replace=False))
    tokens: list[str] = []
    for word in kit.templates[rng.integers(len(kit.templates))]:
        if word in ("{one}", "{many}"):
            tokens += adjectives + (name if word == "{one}" else plural(name)).split()
        else:
            tokens.append(word)
    return [article(following) if word in ("a", "an") else word
            for word, following in zip(tokens, tokens[1:] + [""])]


def article(word: str) -> str:
    """"a" or "an", as the word after it wants it."""
    return "an" if word.startswith(tuple("aeiou")) else "a"


def plural(name: str) -> str:
    """dress, dresses; shirt, shirts."""
    return name + ("es" if name.endswith("s") else "s")


def pick(usual: Sequence[str], own: Sequence[str], share: float,
         rng: np.random.Generator) -> str:
    """One of the usual words, or in this share of the draws one of the split's own, if any."""
    words = own if own and rng.random() < share else usual
    return words[rng.integers(len(words))]


def misspelt(word: str, rng: np.random.Generator) -> str:
    """Now and then a letter is missing, doubled, or changes places with the next."""
    if len(word) < TYPO_LENGTH or rng.random() >= TYPOS:
        return word
    i = rng.integers(len(word) - 1)
    return word[:i] + (word[i + 1:], word[i] + word[i:],
                       word[i + 1] + word[i] + word[i + 2:])[rng.integers(3)]


# ---------------------------------------------------------------------------------------------
# features

def embed(clips: list[list[str]]) -> np.ndarray:
    """[N,T,DIM]: of each token its hashed n-grams, counted and projected at random."""
    projection = np.random.default_rng(PROJECTION_SEED).standard_normal((BUCKETS, DIM))
    vectors = {token: vector(token, projection)
               for token in sorted({token for clip in clips for token in clip})}
    return np.stack([[vectors[token] for token in clip] for clip in clips]).astype(np.float32)


def vector(token: str, projection: np.ndarray) -> np.ndarray:
    """[DIM], of about unit variance however long the token is."""
    marked = f"<{token}>"
    grams = [marked[i:i + n] for n in NGRAMS for i in range(len(marked) - n + 1)]
    rows = [zlib.crc32(gram.encode()) % BUCKETS for gram in grams or [marked]]
    return projection[rows].sum(axis=0) / np.sqrt(len(rows))
