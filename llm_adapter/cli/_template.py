"""The prompt of a row: a column of it, or a text with fields in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen

_PLACE = re.compile(r"(\{\{|\}\})|\{([^{}]+)\}|([{}])")


@frozen
class Template:
    """A text with places for the fields of a row.

    >>> Template.read("Translate {{this}}: {text}").fill({"text": "Hi"})
    'Translate {this}: Hi'

    Args:
        pieces: of the text, as they stand.
        names: of the field after each piece but the last.
    """

    pieces: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Template:
        """A template as people write it: {field}, and {{ or }} for a brace.

        Raises:
            ValueError: a brace stands alone.
        """
        pieces, start = [""], 0
        names: list[str] = []
        for place in _PLACE.finditer(text):
            brace, name, alone = place.groups()
            if alone:
                raise ValueError(
                    f"the {alone!r} at character {place.start() + 1} stands alone: "
                    f"write {alone * 2!r} for a brace"
                )
            pieces[-1] += text[start : place.start()] + (brace or "")[:1]
            start = place.end()
            if name:
                names.append(name.strip())
                pieces.append("")
        pieces[-1] += text[start:]
        return cls(tuple(pieces), tuple(names))

    @classmethod
    def column(cls, name: str) -> Template:
        """A template that is one field."""
        return cls(("", ""), (name,))

    def fill(self, row: Mapping[str, Any]) -> str:
        """The text for a row.

        Raises:
            ValueError: the row lacks a field, or has no value for it.
        """
        values = [_text(row, name) for name in self.names]
        pairs = zip(self.pieces, [*values, ""], strict=True)
        return "".join(piece + value for piece, value in pairs)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        has = f"has {', '.join(map(str, row)):.200}" if row else "is empty"
        raise ValueError(f"there is no field {name!r}: the row {has}")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
