"""What servers of Chat Completions want back unchanged, whole and in fragments.

OpenRouter sends `reasoning_details` of a message, Gemini `extra_content` of its tool
calls, in which its thought signatures are, Mistral thoughts among the parts of the
content.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from .body import mapping

_JOINED = ("text", "summary", "data", "signature")
_SAYS_NOTHING = (None, "")
_NEAR = 16  # among so many of the last ones a fragment finds what it belongs to


def kept_of_message(
    message: Mapping[str, Any], calls: object, keeps: frozenset[str]
) -> list[dict[str, Any]]:
    """The kept fields of a whole message with its tool calls."""
    if not keeps:
        return []
    extras = {position: _extra(call) for position, call in enumerate(_list(calls))}
    return _items(keeps, _details(message), _thoughts(message), extras)


def _items(
    keeps: frozenset[str],
    details: list[Any],
    thoughts: list[Any],
    extras: Mapping[int, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """The fields that are kept, each with where it stood."""
    found: list[dict[str, Any]] = []
    if details and "reasoning_details" in keeps:
        found.append({"reasoning_details": details})
    if thoughts and "thinking" in keeps:
        found.append({"thinking": thoughts})
    for position, extra in extras.items() if "extra_content" in keeps else ():
        if extra:
            found.append({"tool_call": position, "extra_content": extra})
    return found


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _details(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    details = _list(message.get("reasoning_details"))
    return [each for each in details if isinstance(each, dict)]


def _thoughts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [part for part in _list(message.get("content")) if _is_thought(part)]


def _is_thought(part: object) -> bool:
    return mapping(part).get("type") == "thinking"


def _extra(call: object) -> Mapping[str, Any]:
    return mapping(mapping(call).get("extra_content"))


class KeptFragments:
    """The kept fields of an answer, put together from its deltas."""

    def __init__(self, keeps: frozenset[str]) -> None:
        self._keeps = keeps
        self._details: list[dict[str, Any]] = []
        self._thoughts: list[dict[str, Any]] = []
        self._thinks = False  # whether the last thought may go on
        self._extras: dict[int, Mapping[str, Any]] = {}

    def add(self, delta: Mapping[str, Any]) -> None:
        """Take what a delta holds of it, tool calls aside."""
        if not self._keeps:
            return
        for detail in _details(delta):
            self._add_detail(detail)
        content = delta.get("content")
        for part in content if isinstance(content, list) else [content]:
            self._add_part(part)

    def add_call(self, position: int, call: Mapping[str, Any]) -> None:
        """Take what a fragment of a tool call holds of it."""
        if extra := _extra(call):
            self._extras[position] = extra

    def whole(self) -> list[dict[str, Any]]:
        """The fields as far as they have arrived."""
        return _items(self._keeps, self._details, self._thoughts, self._extras)

    def _add_detail(self, detail: dict[str, Any]) -> None:
        near = islice(reversed(self._details), _NEAR)
        earlier = (each for each in near if _go_on(each, detail))
        known = next(earlier, None) if "index" in detail else None
        if known is None:
            self._details.append(dict(detail))
            return
        for name, value in detail.items():
            before = known.get(name)
            if name in _JOINED and isinstance(before, str) and isinstance(value, str):
                known[name] = before + value
            elif value not in _SAYS_NOTHING:
                known[name] = value

    def _add_part(self, part: Any) -> None:
        """Take thoughts in a row as one part, which text behind them ends."""
        if not _is_thought(part):
            self._thinks = self._thinks and not part
        elif self._thinks:
            last = self._thoughts[-1]
            thinking = _continued(last.get("thinking"), part.get("thinking"))
            last.update({**part, "thinking": thinking})
        else:
            self._thinks = True
            self._thoughts.append(dict(part))


def _go_on(earlier: Mapping[str, Any], detail: Mapping[str, Any]) -> bool:
    """Whether a fragment belongs to an earlier one: of one kind and place."""
    ids = (earlier.get("id"), detail.get("id"))
    same = all(earlier.get(name) == detail.get(name) for name in ("type", "index"))
    return same and (None in ids or ids[0] == ids[1])


def _continued(before: Any, piece: Any) -> Any:
    """Text that goes on, or a list whose last text does."""
    if isinstance(before, str) and isinstance(piece, str):
        return before + piece
    if not (isinstance(before, list) and isinstance(piece, list)):
        return piece
    last, first = mapping(before[-1] if before else None), mapping(piece and piece[0])
    said, more = last.get("text"), first.get("text")
    if isinstance(said, str) and isinstance(more, str):
        return [*before[:-1], {**last, **first, "text": said + more}, *piece[1:]]
    return [*before, *piece]
