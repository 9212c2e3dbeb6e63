"""Reasoning that a server leaves in the text: `<think>...</think>answer`.

Models write the tags, servers without a parser for them pass them on, and some chat
templates write the opening tag themselves, so that only the closing one arrives
(reference/wire-protocols.md 5.6).
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

OPENING = "<think>"
CLOSING = "</think>"

Kind: TypeAlias = Literal["text", "reasoning"]

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
        self._kind: Kind | None = None  # None: the text may still open with the tag
        self._held = ""
        self._begun = False  # whether the current kind has shown more than blanks
        self._closed = False

    def feed(self, piece: str) -> list[tuple[Kind, str]]:
        """What `piece` completes."""
        if self._closed and self._begun:
            return [("text", piece)]
        plain = "<" not in piece and piece[-1:] not in _QUOTES
        if self._kind == "text" and not self._held and plain:
            return [("text", piece)]
        content, self._held = self._held + piece, ""
        found: list[tuple[Kind, str]] = []
        self._read(content, found)
        return found

    def finish(self) -> list[tuple[Kind, str]]:
        """What was held back in case a tag followed."""
        held, self._held = self._held, ""
        if self._kind == "reasoning" or (self._closed and not self._begun):
            held = held.rstrip()
        return [(self._kind or "text", held)] if held else []

    def _read(self, content: str, found: list[tuple[Kind, str]]) -> None:
        if self._kind is None:
            words = content.lstrip()
            if OPENING.startswith(words[: len(OPENING)]) and len(words) < len(OPENING):
                self._held = content
                return
            thinks = words.startswith(OPENING)
            self._kind = "reasoning" if thinks else "text"
            content = words[len(OPENING) :] if thinks else content
        if self._closed:
            self._answer(content, found)
        elif self._kind == "reasoning":
            self._think(content, found)
        else:
            self._write(content, found)

    def _think(self, content: str, found: list[tuple[Kind, str]]) -> None:
        thought, closing, rest = content.partition(CLOSING)
        if not self._begun:
            thought = thought.lstrip()
        whole = thought.rstrip()
        if not closing:
            # Blanks before the closing tag are not part of the thought.
            keep = len(whole) - _begun_tag(whole)
            shown = whole[:keep].rstrip()
            self._held = thought[len(shown) :]
            whole = shown
        if whole:
            self._begun = True
            found.append(("reasoning", whole))
        if closing:
            self._close(rest, found)

    def _write(self, content: str, found: list[tuple[Kind, str]]) -> None:
        closed = _CLOSED.search(content)
        if closed is not None:
            if closed.start():
                found.append(("text", content[: closed.start()]))
            self._close(content[closed.end() :], found)
            return
        keep = len(content) - _begun_tag(content)
        keep -= content[keep - 1 : keep] in _QUOTES
        self._held = content[keep:]
        if keep:
            found.append(("text", content[:keep]))

    def _close(self, rest: str, found: list[tuple[Kind, str]]) -> None:
        self._kind, self._closed, self._begun = "text", True, False
        self._answer(rest, found)

    def _answer(self, content: str, found: list[tuple[Kind, str]]) -> None:
        """Text after the closing tag, without the blanks that lead it."""
        words = content.lstrip()
        if words:
            self._begun = True
            found.append(("text", words))


def _begun_tag(content: str) -> int:
    """Characters at the end that may be the beginning of the closing tag."""
    for size in range(min(len(CLOSING) - 1, len(content)), 0, -1):
        if CLOSING.startswith(content[-size:]):
            return size
    return 0
