"""Text that is made up, but the same every time for the same digest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from itertools import islice, pairwise
from random import Random

_WORDS = (
    *(
        "résumé",
        "naïve",
        "café",
        "Zürich",
        "東京",
        "🚀",
        "über",
        "São",
        "façade",
        "👩‍💻",
    ),
    *("engineer", "delivers", "measured", "data", "pipelines", "with", "care", "and"),
    *("teams", "reduced", "latency", "by", "half", "offices", "agree", "that", "clear"),
    *("writing", "wins", "services", "scale", "tests", "first", "then", "ship", "work"),
)
_OPENING = ("The", " résumé", " 🚀")
_TOKEN = re.compile(r"\s*\S+|\s+")


def digest(canonical: str) -> int:
    """A number that stands for the text, the same in every process."""
    data = canonical.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest())


def natural_length(digest: int) -> int:
    """Tokens that an answer has when nobody limits it: 32 to 96."""
    return 32 + digest % 65


def prose(digest: int, count: int) -> str:
    """A text of `count` tokens; multi-byte characters come early, so that cuts matter.

    >>> prose(1, 4) == prose(1, 4), prose(1, 2)
    (True, 'The résumé')
    """
    random = Random(digest)
    words = (f" {random.choice(_WORDS)}" for _ in range(count))
    return "".join(islice((*_OPENING, *words), count))


def tokens(text: str) -> list[str]:
    """The text in pieces of a word each, as the emulator counts tokens.

    >>> tokens("a résumé 🚀")
    ['a', ' résumé', ' 🚀']
    """
    return _TOKEN.findall(text)


def split(text: str, count: int | None) -> list[str]:
    """The text in `count` pieces of almost equal length, or by tokens for None.

    >>> split("abcdefg", 3)
    ['ab', 'cd', 'efg']
    """
    if count is None or not text:
        return tokens(text)
    cuts = [len(text) * index // count for index in range(count + 1)]
    return [text[a:b] for a, b in pairwise(cuts)]


def until(text: str, stops: Iterable[str]) -> tuple[str, str | None]:
    """The text up to the first of the stop sequences, and which that is.

    >>> until("one two three", ["three", " two"])
    ('one', ' two')
    """
    found = ((text.find(stop), stop) for stop in stops if stop)
    none: tuple[int, str | None] = len(text), None
    at, stop = min((each for each in found if each[0] >= 0), default=none)
    return text[:at], stop
