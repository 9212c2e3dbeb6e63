"""What servers of Chat Completions want back unchanged, whole and in fragments.

OpenRouter sends `reasoning_details` of a message, Gemini `extra_content` of its tool
calls, in which its thought signatures are, Mistral thoughts among the parts of the
content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .body import mapping

_JOINED = ("text", "summary", "data", "signature")
_NOTHING = (None, "")


def kept_of_message(
    message: Mapping[str, Any], calls: object, keeps: frozenset[str]
) -> list[dict[str, Any]]:
    """The kept fields of a whole message with its tool calls."""
    if not keeps:
        return []
    items = calls if isinstance(calls, list) else []
    extras = dict(_extras(items, keeps))
    return _items(_details(message, keeps), _thoughts(message, keeps), extras)


def _items(
    details: list[Any], thoughts: list[Any], extras: Mapping[int, Any]
) -> list[dict[str, Any]]:
    """The fields, each with where it stood."""
    found: list[dict[str, Any]] = []
    if details:
        found.append({"reasoning_details": details})
    if thoughts:
        found.append({"thinking": thoughts})
    for position, extra in extras.items():
        found.append({"tool_call": position, "extra_content": extra})
    return found


def _details(message: Mapping[str, Any], keeps: frozenset[str]) -> list[Any]:
    value = message.get("reasoning_details")
    wanted = "reasoning_details" in keeps and isinstance(value, list)
    return [each for each in value if isinstance(each, dict)] if wanted else []


def _thoughts(message: Mapping[str, Any], keeps: frozenset[str]) -> list[Any]:
    content = message.get("content")
    wanted = "thinking" in keeps and isinstance(content, list)
    return [part for part in content if _is_thought(part)] if wanted else []


def _is_thought(part: object) -> bool:
    return mapping(part).get("type") == "thinking"


def _extras(calls: list[Any], keeps: frozenset[str]) -> Iterator[tuple[int, Any]]:
    if "extra_content" in keeps:
        for position, call in enumerate(calls):
            if extra := mapping(mapping(call).get("extra_content")):
                yield position, extra


class KeptFragments:
    """The kept fields of an answer, put together from its deltas."""

    def __init__(self, keeps: frozenset[str]) -> None:
        self._keeps = keeps
        self._details: list[dict[str, Any]] = []
        self._thoughts: list[dict[str, Any]] = []
        self._thinks = False  # whether the last thought may go on
        self._extras: dict[int, Any] = {}

    def add(self, delta: Mapping[str, Any]) -> None:
        """Take what a delta holds of it, tool calls aside."""
        if not self._keeps:
            return
        for detail in _details(delta, self._keeps):
            self._add_detail(detail)
        if "thinking" in self._keeps:
            self._add_thoughts(delta.get("content"))

    def add_call(self, position: int, call: Mapping[str, Any]) -> None:
        """Take what a fragment of a tool call holds of it."""
        for _, extra in _extras([call], self._keeps):
            self._extras[position] = extra

    def whole(self) -> list[dict[str, Any]]:
        """The fields as far as they have arrived."""
        return _items(self._details, self._thoughts, self._extras)

    def _add_detail(self, detail: dict[str, Any]) -> None:
        earlier = (each for each in reversed(self._details) if _go_on(each, detail))
        known = next(earlier, None) if "index" in detail else None
        if known is None:
            self._details.append(dict(detail))
            return
        for name, value in detail.items():
            before = known.get(name)
            if name in _JOINED and isinstance(before, str) and isinstance(value, str):
                known[name] = before + value
            elif value not in _NOTHING:
                known[name] = value

    def _add_thoughts(self, content: object) -> None:
        """Take thoughts in a row as one part, which text behind them ends."""
        for part in content if isinstance(content, list) else [content]:
            if not _is_thought(part):
                self._thinks = self._thinks and not part
            elif self._thinks:
                last = self._thoughts[-1]
                piece = _continued(last.get("thinking"), part.get("thinking"))
                last.update({**part, "thinking": piece})
            else:
                self._thinks = True
                self._thoughts.append(dict(part))


def _continued(before: Any, piece: Any) -> Any:
    """Text, or a list whose last text goes on."""
    if isinstance(before, str) and isinstance(piece, str):
        return before + piece
    if not (isinstance(before, list) and isinstance(piece, list)):
        return piece
    last, first = mapping(before[-1:] and before[-1]), mapping(piece[:1] and piece[0])
    words, more = last.get("text"), first.get("text")
    if isinstance(words, str) and isinstance(more, str):
        return [*before[:-1], {**last, **first, "text": words + more}, *piece[1:]]
    return [*before, *piece]


def _go_on(earlier: Mapping[str, Any], detail: Mapping[str, Any]) -> bool:
    """Whether a fragment belongs to an earlier one: of one kind and place."""
    ids = (earlier.get("id"), detail.get("id"))
    same = all(earlier.get(name) == detail.get(name) for name in ("type", "index"))
    return same and (None in ids or ids[0] == ids[1])
