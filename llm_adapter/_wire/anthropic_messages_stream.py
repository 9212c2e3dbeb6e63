"""Streams of the Messages API: bytes in, deltas out, the whole response at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define, field

from .._replace import replace
from ..errors import LLMInvalidResponseError, LLMServiceError
from ..models import (
    LLMResponse,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from .anthropic_messages_answers import (
    error_of,
    is_answer,
    is_call,
    response_of,
    tool_input,
)
from .body import mapping, read_json, text
from .errors import describes_error, error_from_answer
from .openai_chat_calls import arguments_text, new_call_id, tool_call
from .sse import SSEDecoder

_KINDS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "thinking",
    "input_json_delta": "tool_use",
    "citations_delta": "text",
}
"""The blocks to which deltas belong, for one whose beginning is missing."""


@define
class _Block:
    """A block of the content that is still arriving.

    Args:
        start: as it began.
        call: where it stands among the tool calls, None when it is none.
        id: of the tool call, made up where the provider gives none.
        pieces: what was added to its fields, by name.
        input: JSON text of the input of a tool.
        citations: what its text refers to.
    """

    start: Mapping[str, Any]
    call: int | None = None
    id: str = ""
    pieces: dict[str, list[str]] = field(factory=dict)
    input: list[str] = field(factory=list)
    citations: list[Any] = field(factory=list)

    def extend(self, delta: Mapping[str, Any]) -> None:
        """Add to the fields that the delta names."""
        for name, piece in delta.items():
            if name != "type" and isinstance(piece, str):
                self.pieces.setdefault(name, []).append(piece)

    def tool_call(self) -> ToolCall:
        """The call as far as it has arrived."""
        name = text(self.start.get("name")) or ""
        return tool_call(self.id, name, "".join(self.input))

    def whole(self) -> dict[str, Any]:
        """The block as it would have come in one piece."""
        block = dict(self.start)
        for name, pieces in self.pieces.items():
            block[name] = (text(block.get(name)) or "") + "".join(pieces)
        if self.input:
            block["input"] = tool_input(self.tool_call())
        if self.citations:
            before = block.get("citations")
            known = before if isinstance(before, list) else []
            block["citations"] = [*known, *self.citations]
        return block


class MessagesStreamDecoder:
    """Reads one streamed answer."""

    def __init__(self) -> None:
        self.complete = False
        self.error: LLMServiceError | None = None
        self._sse = SSEDecoder()
        self._message: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._blocks: list[_Block] = []
        self._places: dict[int, _Block] = {}
        self._calls: list[_Block] = []
        self._counted = False
        self._text: list[str] = []
        self._reasoning: list[str] = []

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """The deltas that `chunk` completes."""
        events: list[StreamEvent] = []
        try:
            for name, data in self._sse.feed(chunk):
                self._read(name, data, events)
        except LLMServiceError as error:
            self.error = self.error or error
        return events

    def finish(self) -> list[StreamEvent]:
        """The deltas that the end of the body completes."""
        events: list[StreamEvent] = []
        try:
            for name, data in self._sse.finish():
                self._read(name, data, events)
        except LLMInvalidResponseError:
            pass  # cut within its last event, which `complete` says
        return events

    def response(self) -> LLMResponse:
        """The answer as far as it has arrived."""
        response = response_of(
            {**self._message, "usage": self._usage},
            [block for each in self._blocks if (block := each.whole())],
            words="".join(self._text),
            reasoning="".join(self._reasoning),
            calls=tuple(block.tool_call() for block in self._calls),
        )
        if self.complete:
            return response
        usage = response.usage
        if not self._counted:
            # What the beginning says of the output is not a count.
            usage = replace(usage, output_tokens=None, total_tokens=None)
        # Without its signature, which comes last, thinking cannot be sent back.
        return replace(response, finish_reason="error", usage=usage, provider_items=())

    # -- events -----------------------------------------------------------------------

    def _read(self, name: bytes, data: bytes, events: list[StreamEvent]) -> None:
        if self.complete or self.error:
            return
        if name == b"error":
            self.error = error_from_answer(200, {}, data, now=0)
            self.error.request_id = text(mapping(self.error.body).get("request_id"))
        elif data.strip() and not data.startswith(b"[DONE]"):
            self._read_event(name, read_json(data), events)

    def _read_event(self, name: bytes, value: Any, events: list[StreamEvent]) -> None:
        event = mapping(value)
        match text(event.get("type")) or name.decode("utf-8", "replace"):
            case "content_block_delta":
                self._read_delta(event, events)
            case "content_block_start":
                start = mapping(event.get("content_block"))
                self._begin(event.get("index"), start, events)
            case "content_block_stop":
                self._end(self._places.get(_index(event)), events)
            case "message_start":
                self._start(mapping(event.get("message")), events)
            case "message_delta":
                usage = mapping(event.get("usage"))
                self._counted = self._counted or "output_tokens" in usage
                self._update({"usage": usage})
                self._update(mapping(event.get("delta")))
            case "message_stop":
                for block in self._blocks:
                    self._end(block, events)
                self.complete = True
            case _ if describes_error(value):
                self.error = error_of(value)

    def _start(self, message: Mapping[str, Any], events: list[StreamEvent]) -> None:
        """Take what a message begins with; some proxies repeat it, some fill it."""
        if self._message:
            return
        self._update({**message, "content": None})
        content = message.get("content")
        for index, block in enumerate(content if isinstance(content, list) else ()):
            self._end(self._begin(index, mapping(block), events), events)

    def _update(self, fields: Mapping[str, Any]) -> None:
        """Take what is said of the message; usage is cumulative, so the last counts."""
        known = {name: each for name, each in fields.items() if each is not None}
        usage = mapping(known.pop("usage", None))
        self._message.update(known)
        self._usage.update((name, n) for name, n in usage.items() if n is not None)

    # -- blocks -----------------------------------------------------------------------

    def _begin(
        self, index: object, start: Mapping[str, Any], events: list[StreamEvent]
    ) -> _Block:
        block = _Block(start)
        self._blocks.append(block)
        if isinstance(index, int):
            self._places[index] = block
        if is_call(start):
            block.call, block.id = len(self._calls), text(start.get("id")) or ""
            block.id = block.id or new_call_id()
            self._calls.append(block)
            name = text(start.get("name"))
            events.append(ToolCallDelta(block.call, block.id, name))
        elif start.get("type") == "text":
            self._say(start.get("text"), events)
        elif start.get("type") == "thinking":
            self._think(start.get("thinking"), events)
        return block

    def _read_delta(self, event: Mapping[str, Any], events: list[StreamEvent]) -> None:
        delta = mapping(event.get("delta"))
        kind = delta.get("type")
        block = self._block(event.get("index"), kind, events)
        if kind == "input_json_delta":
            self._add_input(block, arguments_text(delta.get("partial_json")), events)
        elif kind == "citations_delta":
            block.citations.append(delta.get("citation"))
        else:
            block.extend(delta)
        if kind == "text_delta":
            self._say(delta.get("text"), events)
        elif kind == "thinking_delta":
            self._think(delta.get("thinking"), events)

    def _block(self, index: object, kind: object, events: list[StreamEvent]) -> _Block:
        """The block of an index, or of none; begun here if that is missing."""
        if isinstance(index, int):
            known = self._places.get(index)
        else:
            known = self._blocks[-1] if self._blocks else None
        if known is not None:
            return known
        start = (
            {"type": _KINDS[kind]} if isinstance(kind, str) and kind in _KINDS else {}
        )
        return self._begin(index, start, events)

    def _end(self, block: _Block | None, events: list[StreamEvent]) -> None:
        """Take the input with which the block began, if no other has come."""
        if block is None or block.input or block.start.get("type") != "tool_use":
            return
        whole = arguments_text(block.start.get("input"))
        if not whole and is_answer(block.start):
            whole = "{}"
        self._add_input(block, whole, events)

    def _add_input(self, block: _Block, piece: str, events: list[StreamEvent]) -> None:
        if not piece:
            return
        block.input.append(piece)
        if block.call is not None:
            events.append(ToolCallDelta(block.call, arguments=piece))
        elif is_answer(block.start):
            self._say(piece, events)

    def _say(self, words: object, events: list[StreamEvent]) -> None:
        if isinstance(words, str) and words:
            self._text.append(words)
            events.append(TextDelta(words))

    def _think(self, words: object, events: list[StreamEvent]) -> None:
        if isinstance(words, str) and words:
            self._reasoning.append(words)
            events.append(ReasoningDelta(words))


def _index(event: Mapping[str, Any]) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else -1
