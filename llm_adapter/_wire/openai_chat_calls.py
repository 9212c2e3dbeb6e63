"""Tool calls in answers of Chat Completions, whole and in fragments.

Servers leave ids and indexes out, repeat them, or send arguments as an object
(reference/wire-protocols.md 5.6).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from attrs import define, field

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


@define
class _Call:
    """A tool call that is still arriving."""

    id: str
    name: str | None = None
    arguments: list[str] = field(factory=list)

    def goes_on(self, id_: str | None, name: str | None, *, indexed: bool) -> bool:
        """Whether a fragment belongs to this call, or begins another one.

        Some servers repeat id and name with every fragment, some send a new id with
        each, and some give all calls the same index or none.
        """
        if name is None or self.name is None:
            return True
        return indexed if id_ is None else id_ == self.id


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
        function = mapping(item.get("function"))
        id_, name = text(item.get("id")), text(function.get("name"))
        arguments = arguments_text(function.get("arguments"))
        index = item.get("index")
        known_index = index if isinstance(index, int) else None
        place = self._place(known_index, position, id_, name)
        begins = place == len(self._calls)
        if begins:
            self._calls.append(_Call(id_ or new_call_id()))
        call = self._calls[place]
        new_name = name if call.name is None else None
        call.name = call.name or name
        call.arguments.append(arguments)
        return ToolCallDelta(place, call.id if begins else None, new_name, arguments)

    def _place(
        self, index: int | None, position: int, id_: str | None, name: str | None
    ) -> int:
        """Where in our list the call stands; one past its end if it begins now."""
        end = len(self._calls)
        indexed = index is not None
        place = position if index is None else self._places.get(index, end)
        known = place < end and self._calls[place].goes_on(id_, name, indexed=indexed)
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
