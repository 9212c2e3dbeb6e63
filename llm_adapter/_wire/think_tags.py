"""Reasoning that a server leaves in the text: `<think>...</think>answer`.

Models write the tags, servers without a parser for them pass them on, and some chat
templates write the opening tag themselves, so that only the closing one arrives
(reference/wire-protocols.md 5.6).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

OPENING = "<think>"
CLOSING = "</think>"

Kind: TypeAlias = Literal["text", "reasoning"]
_Place: TypeAlias = Literal["start", "thought", "text", "closed", "answer"]

_OPENED = re.compile(r"\s*<think>(.*?)(?:</think>(.*)|\Z)", re.DOTALL)
# Behind a quotation mark it is a word of the answer's, which explains the tag.
_CLOSED = re.compile(r"(?<![`'\"])</think>")
_QUOTES = ("`", "'", '"')


def split_thoughts(content: str) -> tuple[str, str]:
    """Reasoning and answer in the text of a model.

    >>> split_thoughts("<think>Two and two.</think>\\n\\n4")
    ('Two and two.', '4')
    >>> split_thoughts("Two and two.\\n</think>4")
    ('Two and two.', '4')
    >>> split_thoughts("4")
    ('', '4')
    """
    if "think>" not in content:
        return "", content
    opened = _OPENED.fullmatch(content)
    if opened is not None:
        return opened[1].strip(), (opened[2] or "").lstrip()
    closed = _CLOSED.search(content)
    if closed is None:
        return "", content
    return content[: closed.start()].strip(), content[closed.end() :].lstrip()


class ThoughtSplitter:
    """The same for text that arrives in pieces.

    Without an opening tag nobody can know that what arrives is reasoning: it is given
    out as text, and only `split_thoughts` of the whole tells the two apart.
    """

    def __init__(self) -> None:
        self._at: _Place = "start"
        self._held = ""
        self._begun = False  # whether the thought has shown more than blanks

    def feed(self, piece: str) -> list[tuple[Kind, str]]:
        """What `piece` completes."""
        if self._at == "answer" or (
            self._at == "text"
            and not self._held
            and "<" not in piece
            and piece[-1:] not in _QUOTES
        ):
            return [("text", piece)]
        content, self._held = self._held + piece, ""
        return [each for each in self._pieces(content) if each[1]]

    def finish(self) -> list[tuple[Kind, str]]:
        """What was held back in case a tag followed."""
        held, self._held = self._held, ""
        if self._at == "thought":
            return [("reasoning", held.rstrip())] if held.strip() else []
        return [("text", held)] if held else []

    def _pieces(self, content: str) -> Iterator[tuple[Kind, str]]:
        if self._at == "start":
            return self._open(content)
        if self._at == "thought":
            return self._think(content)
        return self._write(content) if self._at == "text" else self._close(content)

    def _open(self, content: str) -> Iterator[tuple[Kind, str]]:
        """Text that may still begin with the opening tag."""
        words = content.lstrip()
        if words.startswith(OPENING):
            self._at = "thought"
            yield from self._think(words[len(OPENING) :])
        elif OPENING.startswith(words):
            self._held = content
        else:
            self._at = "text"
            yield from self._write(content)

    def _think(self, content: str) -> Iterator[tuple[Kind, str]]:
        """A thought, in front of the closing tag."""
        thought, closing, rest = content.partition(CLOSING)
        if not self._begun:
            thought = thought.lstrip()
        # Blanks in front of the closing tag are not part of the thought.
        shown = thought.rstrip()
        if not closing:
            shown = shown[: len(shown) - _begun_tag(shown)].rstrip()
            self._held = thought[len(shown) :]
        self._begun = self._begun or bool(shown)
        yield "reasoning", shown
        if closing:
            yield from self._close(rest)

    def _write(self, content: str) -> Iterator[tuple[Kind, str]]:
        """Text in which a closing tag may still come."""
        closed = _CLOSED.search(content)
        if closed is not None:
            yield "text", content[: closed.start()]
            yield from self._close(content[closed.end() :])
            return
        keep = len(content) - _begun_tag(content)
        keep -= content[keep - 1 : keep] in _QUOTES
        self._held = content[keep:]
        yield "text", content[:keep]

    def _close(self, content: str) -> Iterator[tuple[Kind, str]]:
        """The answer, of which the blanks that lead it are no part."""
        words = content.lstrip()
        self._at = "answer" if words else "closed"
        yield "text", words


def _begun_tag(content: str) -> int:
    """Characters at the end that may be the beginning of the closing tag."""
    for size in range(min(len(CLOSING) - 1, len(content)), 0, -1):
        if CLOSING.startswith(content[-size:]):
            return size
    return 0
