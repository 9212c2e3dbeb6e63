"""Output items of a streamed response, put together from their events.

Servers leave events out: some send whole items only, some whole texts, some nothing but
the last event. Whatever comes, each piece is told once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, TypeAlias

from attrs import define, field, frozen

from ..models import (
    LLMResponse,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from .body import mapping, text
from .openai_chat_calls import new_call_id
from .openai_responses_answers import (
    ARGUMENTS,
    BETWEEN_THOUGHTS,
    THOUGHTS,
    call_id,
    content_parts,
    item_kind,
    raw_arguments,
    thought_parts,
)

Fields: TypeAlias = Mapping[str, Any]
Spot: TypeAlias = tuple[str, int]
"""A part of an item: text, refusal, summary, content or arguments, and its index."""

_ARGUMENTS: Spot = ("arguments", 0)
_NOT_YET = ("content", "summary", "arguments", "input", "encrypted_content")
"""What an item that begins may hold in part."""


@frozen
class _Channel:
    """Where the pieces of an event belong."""

    kind: str
    part: str
    index: str = ""


_TEXT = _Channel("message", "text", "content_index")
_REFUSAL = _Channel("message", "refusal", "content_index")
_SUMMARY = _Channel("reasoning", "summary", "summary_index")
_THOUGHT = _Channel("reasoning", "content", "content_index")
_FUNCTION = _Channel("function_call", "arguments")
_CUSTOM = _Channel("custom_tool_call", "arguments")

_DELTAS: Mapping[str, _Channel] = {
    "response.output_text.delta": _TEXT,
    "response.refusal.delta": _REFUSAL,
    "response.reasoning_summary_text.delta": _SUMMARY,
    "response.reasoning_text.delta": _THOUGHT,
    "response.function_call_arguments.delta": _FUNCTION,
    "response.custom_tool_call_input.delta": _CUSTOM,
}
_WHOLES: Mapping[str, tuple[_Channel, str]] = {
    "response.output_text.done": (_TEXT, "text"),
    "response.refusal.done": (_REFUSAL, "refusal"),
    "response.reasoning_summary_text.done": (_SUMMARY, "text"),
    "response.reasoning_text.done": (_THOUGHT, "text"),
    "response.function_call_arguments.done": (_FUNCTION, "arguments"),
    "response.custom_tool_call_input.done": (_CUSTOM, "input"),
}
"""What a part was in the end, and the field that says it."""


_NEAR = 16  # among so many of the last items an event without a name finds its own


@define(eq=False)
class _Item:
    """An output item that is still arriving.

    Args:
        kind: its type.
        fields: as the server told them with its beginning or its end.
        pieces: of its parts.
        done: whether the server has sent the whole of it.
        place: of a tool call among the others, once its name and id are known.
        call_id: of a tool call, made up if the server gave none.
        told_from: of reasoning, the place whose text came first and is told.
    """

    kind: str
    fields: Fields = field(factory=dict)
    pieces: dict[Spot, list[str]] = field(factory=dict)
    done: bool = False
    place: int | None = None
    call_id: str = ""
    told_from: str | None = None

    def arrived(self, spot: Spot) -> str:
        return "".join(self.pieces.get(spot, ()))

    def told(self) -> ToolCallDelta:
        """A tool call as far as it has arrived, as its first piece."""
        name = text(self.fields.get("name"))
        arguments = self.arrived(_ARGUMENTS)
        return ToolCallDelta(self.place or 0, self.call_id, name, arguments)

    def whole(self) -> dict[str, Any]:
        """The item as the server would send it, as far as it has arrived."""
        whole = {"type": self.kind, **self.fields}
        for name, value in self._built().items():
            if not whole.get(name):
                whole[name] = value
        return whole

    def _built(self) -> dict[str, Any]:
        if self.kind == "message":
            return {"role": "assistant", "content": list(self._parts())}
        if self.kind == "reasoning":
            return {name: list(self._thoughts(name)) for name in THOUGHTS}
        if self.kind in ARGUMENTS:
            arguments = self.arrived(_ARGUMENTS)
            return {ARGUMENTS[self.kind]: arguments, "call_id": self.call_id}
        return {}

    def _parts(self) -> Iterator[dict[str, str]]:
        for spot in sorted(self.pieces, key=_index_of):
            if spot[0] == "refusal":
                yield {"type": "refusal", "refusal": self.arrived(spot)}
            else:
                yield {"type": "output_text", "text": self.arrived(spot)}

    def _thoughts(self, name: str) -> Iterator[dict[str, str]]:
        kind = "summary_text" if name == "summary" else "reasoning_text"
        for spot in sorted(self.pieces, key=_index_of):
            if spot[0] == name:
                yield {"type": kind, "text": self.arrived(spot)}


def _index_of(spot: Spot) -> int:
    return spot[1]


class StreamedItems:
    """The output of one streamed response, and the deltas that it makes."""

    def __init__(self) -> None:
        self._events: list[StreamEvent] = []
        self._items: list[_Item] = []
        self._known: dict[str | int | None, _Item] = {}
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._thought_at: tuple[_Item, Spot] | None = None
        self._calls: list[_Item] = []
        self._told = 0  # of the calls

    def take_events(self) -> list[StreamEvent]:
        """The deltas since they were last taken."""
        events, self._events = self._events, []
        return events

    def read(self, kind: str, event: Fields) -> bool:
        """Take an event; false when it is not about items, or says nothing of them."""
        item = mapping(event.get("item"))
        if kind in _DELTAS:
            self._take_delta(_DELTAS[kind], event)
        elif kind in _WHOLES:
            self._take_whole(*_WHOLES[kind], event)
        elif item and kind == "response.output_item.added":
            self._begin(item, _index(event, "output_index"))
        elif item and kind == "response.output_item.done":
            self._finish(item, _index(event, "output_index"))
        else:
            return False
        return True

    def whole(self) -> list[Fields]:
        """The items as far as they have arrived; of the calls, those that were told."""
        calls = iter(self._calls[: self._told])
        items = (
            next(calls, None) if item.kind in ARGUMENTS else item
            for item in self._items
        )
        return [item.whole() for item in items if item is not None]

    def call_ids(self) -> list[str]:
        """The ids of the calls that were told."""
        return [call.call_id for call in self._calls[: self._told]]

    def told_from(self) -> list[str]:
        """The place from which each reasoning item was told."""
        reasoning = (item for item in self._items if item.kind == "reasoning")
        return [item.told_from or THOUGHTS[0] for item in reasoning]

    # -- which item -------------------------------------------------------------------

    def _find(self, event: Fields, kind: str) -> _Item:
        id_, index = text(event.get("item_id")), _index(event, "output_index")
        return self._open(id_, index, kind) or self._new(kind, id_, index)

    def _open(self, id_: str | None, index: int | None, kind: str) -> _Item | None:
        """The item that an event means; some servers change ids, or count all as 0."""
        by_id, by_index = self._known.get(id_), self._known.get(index)
        if by_id is not None and by_id.kind == kind:
            return by_id
        if index is not None:
            fits = by_index is not None and by_index.kind == kind and not by_index.done
            return by_index if fits else None
        if id_ is not None and by_id is None:
            return None
        near = islice(reversed(self._items), _NEAR)
        ours = (item for item in near if item.kind == kind)
        return next((item for item in ours if not item.done), None)

    def _new(self, kind: str, id_: str | None, index: int | None) -> _Item:
        item = _Item(kind)
        self._items.append(item)
        for key in (id_, index):
            if key is not None:
                self._known[key] = item
        return item

    # -- events -----------------------------------------------------------------------

    def _begin(self, told: Fields, index: int | None) -> None:
        kind, id_ = item_kind(told), text(told.get("id"))
        known = self._known.get(id_)
        again = known is not None and known.kind == kind
        item = known if known is not None and again else self._new(kind, id_, index)
        if not item.done:
            item.fields = {k: v for k, v in told.items() if k not in _NOT_YET}
        if text(told.get("call_id")) and text(told.get("name")):
            self._place(item)

    def _finish(self, told: Fields, index: int | None) -> None:
        kind, id_ = item_kind(told), text(told.get("id"))
        item = self._open(id_, index, kind) or self._new(kind, id_, index)
        item.fields = told
        item.done = True
        self._place(item)
        for spot, whole in _parts_of(told):
            self._settle(item, spot, whole)
        if item.place is not None:
            self._tell_calls(item.place + 1)

    def _take_delta(self, channel: _Channel, event: Fields) -> None:
        piece = text(event.get("delta"))
        if piece is not None:
            spot = (channel.part, _index(event, channel.index) or 0)
            self._take(self._find(event, channel.kind), spot, piece)

    def _take_whole(self, channel: _Channel, name: str, event: Fields) -> None:
        whole = text(event.get(name))
        if whole is not None:
            spot = (channel.part, _index(event, channel.index) or 0)
            self._settle(self._find(event, channel.kind), spot, whole)

    def _settle(self, item: _Item, spot: Spot, whole: str) -> None:
        """Take what is new of a part that is now whole."""
        if rest := _rest(whole, item.arrived(spot)):
            self._take(item, spot, rest)

    # -- deltas -----------------------------------------------------------------------

    def _take(self, item: _Item, spot: Spot, piece: str) -> None:
        item.pieces.setdefault(spot, []).append(piece)
        part = spot[0]
        if part == "text":
            self._tell_text(piece)
        elif part == "arguments":
            self._tell_piece(item, piece)
        elif part in THOUGHTS:
            self._tell_thought(item, spot, piece)

    def _tell_text(self, words: str) -> None:
        self._text.append(words)
        self._events.append(TextDelta(words))

    def _tell_thought(self, item: _Item, spot: Spot, piece: str) -> None:
        item.told_from = item.told_from or spot[0]
        if item.told_from != spot[0]:
            return  # a summary of what was told, or the other way round
        if self._thought_at not in (None, (item, spot)):
            piece = BETWEEN_THOUGHTS + piece
        self._thought_at = (item, spot)
        self._reasoning.append(piece)
        self._events.append(ReasoningDelta(piece))

    def _place(self, item: _Item) -> None:
        """Give a tool call its place, now that its name and id are known."""
        if item.kind in ARGUMENTS and item.place is None:
            item.place = len(self._calls)
            item.call_id = call_id(item.fields) or new_call_id()
            self._calls.append(item)

    def _tell_piece(self, item: _Item, piece: str) -> None:
        if item.place is None:
            return
        if item.place < self._told:
            self._events.append(ToolCallDelta(item.place, None, None, piece))
        self._tell_calls(item.place + 1)

    def _tell_calls(self, end: int) -> None:
        """Tell the calls before a place, each with all that there is of it."""
        for call in self._calls[self._told : end]:
            self._events.append(call.told())
        self._told = max(self._told, end)

    # -- the end ----------------------------------------------------------------------

    def hold_more_than(self, response: LLMResponse) -> bool:
        """Whether something was told of which a response holds nothing."""
        return (
            bool(self._text and not response.text)
            or bool(self._reasoning and not response.reasoning)
            or bool(self._told and not response.tool_calls)
        )

    def close(self) -> None:
        """Tell the calls that came without arguments."""
        self._tell_calls(len(self._calls))

    def tell_rest(self, response: LLMResponse) -> None:
        """Tell what the whole response holds beyond what was told."""
        if words := _rest(response.text, "".join(self._text)):
            self._tell_text(words)
        if thoughts := _rest(response.reasoning or "", "".join(self._reasoning)):
            self._events.append(ReasoningDelta(thoughts))
        told = self._calls[: self._told]
        for call in response.tool_calls:
            self._tell_rest_of_call(call, told)

    def _tell_rest_of_call(self, call: ToolCall, told: list[_Item]) -> None:
        known = next((each for each in told if each.call_id == call.id), None)
        if known is None:
            delta = ToolCallDelta(
                self._told, call.id, call.name or None, call.raw_arguments
            )
            self._events.append(delta)
            self._told += 1
            return
        told.remove(known)
        if rest := _rest(call.raw_arguments, known.arrived(_ARGUMENTS)):
            self._events.append(ToolCallDelta(known.place or 0, None, None, rest))


def _parts_of(item: Fields) -> Iterator[tuple[Spot, str]]:
    """The parts of a whole item."""
    kind = item_kind(item)
    if kind == "message":
        for index, (part, words) in enumerate(content_parts(item.get("content"))):
            yield (part, index), words
    elif kind == "reasoning":
        for name in THOUGHTS:
            for index, words in enumerate(thought_parts(item.get(name))):
                yield (name, index), words
    elif kind in ARGUMENTS:
        yield _ARGUMENTS, raw_arguments(item)


def _rest(whole: str, told: str) -> str:
    """What is new of a whole; nothing when it says otherwise than what was told."""
    return whole[len(told) :] if whole.startswith(told) else ""


def _index(event: Fields, name: str) -> int | None:
    value = event.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
