"""Tool calls in answers of Chat Completions, whole and in fragments.

Servers leave ids and indexes out, repeat them, or send arguments as an object
(reference/wire-protocols.md 5.6).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from attrs import define, field, frozen

from ..models import ToolCall, ToolCallDelta
from .body import decode_json, mapping, text

# -- whole ----------------------------------------------------------------------------


def decode_tool_calls(calls: object) -> tuple[ToolCall, ...]:
    """The tool calls of a message, whatever the server left out."""
    items: Iterable[Any] = calls if isinstance(calls, list) else ()
    return tuple(decode_tool_call(mapping(item)) for item in items)


def decode_tool_call(item: Mapping[str, Any]) -> ToolCall:
    """One tool call; a missing id is made up, as answers must name it."""
    function = mapping(item.get("function"))
    return tool_call(
        text(item.get("id")),
        text(function.get("name")) or "",
        function.get("arguments"),
    )


def tool_call(id_: str | None, name: str, arguments: object) -> ToolCall:
    """A tool call from its pieces; arguments that are no JSON object are flagged."""
    raw = arguments_text(arguments)
    parsed = _arguments(raw)
    return ToolCall(
        id=id_ or new_call_id(),
        name=name,
        arguments=parsed or {},
        raw_arguments=raw,
        invalid=parsed is None,
    )


def new_call_id() -> str:
    """An id for a call that the server gave none."""
    return f"call_{uuid.uuid4().hex[:24]}"


def arguments_text(arguments: object) -> str:
    """Arguments as text; some servers send an object instead."""
    if isinstance(arguments, str):
        return arguments
    return msgspec.json.encode(arguments).decode() if arguments else ""


def _arguments(raw: str) -> dict[str, Any] | None:
    try:
        value = decode_json(raw.encode()) if raw.strip() else {}
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


# -- in fragments ---------------------------------------------------------------------


@frozen
class _Piece:
    """What a fragment says."""

    id: str | None
    name: str | None
    arguments: str


def _piece(item: Mapping[str, Any]) -> _Piece:
    function = mapping(item.get("function"))
    return _Piece(
        text(item.get("id")),
        text(function.get("name")),
        arguments_text(function.get("arguments")),
    )


@define
class _Call:
    """A tool call that is still arriving."""

    id: str
    name: str | None = None
    arguments: list[str] = field(factory=list)

    def goes_on(self, piece: _Piece, *, indexed: bool) -> bool:
        """Whether a fragment belongs to this call, or begins another one.

        Some servers repeat id and name with every fragment, some send a new id with
        each, and some give all calls the same index or none, or no ids.
        """
        if piece.name is None or self.name is None:
            return True
        if piece.id is not None:
            return piece.id == self.id
        again = piece.name == self.name and indexed
        return again and not (piece.arguments and self._is_whole())

    def _is_whole(self) -> bool:
        written = "".join(self.arguments)
        return bool(written) and _arguments(written) is not None


class ToolCallFragments:
    """The tool calls of an answer, put together from their fragments."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._places: dict[int, int] = {}

    def add(self, item: Mapping[str, Any], position: int) -> ToolCallDelta:
        """Take a fragment.

        Args:
            item: the fragment.
            position: of the call that it belongs to if it has no index.
        """
        piece = _piece(item)
        index = item.get("index")
        known_index = index if isinstance(index, int) else None
        place = self._place(known_index, position, piece)
        begins = place == len(self._calls)
        if begins:
            self._calls.append(_Call(piece.id or new_call_id()))
        call = self._calls[place]
        new_name = piece.name if call.name is None else None
        call.name = call.name or piece.name
        call.arguments.append(piece.arguments)
        return ToolCallDelta(
            place, call.id if begins else None, new_name, piece.arguments
        )

    def _place(self, index: int | None, position: int, piece: _Piece) -> int:
        """Where in our list the call stands; one past its end if it begins now."""
        end = len(self._calls)
        indexed = index is not None
        place = position if index is None else self._places.get(index, end)
        known = place < end and self._calls[place].goes_on(piece, indexed=indexed)
        place = place if known else end
        if index is not None:
            self._places[index] = place
        return place

    def last(self) -> int:
        """Where the newest call stands."""
        return max(0, len(self._calls) - 1)

    def whole(self) -> tuple[ToolCall, ...]:
        """The calls as far as they have arrived."""
        return tuple(
            tool_call(call.id, call.name or "", "".join(call.arguments))
            for call in self._calls
        )
