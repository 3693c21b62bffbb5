"""The other data set's sentences: small ads, worded as nothing in the demo's text is."""

from __future__ import annotations

import text

TEMPLATES = """
    used {one} wanted / new {one} cheap / selling {many} today / swap your {one} now
    wanted urgently a {one} / {one} never worn / {many} half price / buy my {one}
    lost {one} please call / collector seeks {one} / giving away one {one}
    """
WORDS = "address weekend phone payment flat bicycle lamp guitar lessons delivery".split()


def kit() -> text.Kit:
    """Templates and background words of its own; the names that every split has."""
    templates = [template.split() for line in TEMPLATES.strip().splitlines()
                 for template in line.split("/")]
    return text.kit_of("train")._replace(templates=templates, own_neutral=WORDS)
