"""Streams of Chat Completions: bytes in, deltas out, the whole response at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define, field

from ..errors import LLMInvalidResponseError, LLMServiceError
from ..models import (
    LLMResponse,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from .body import mapping, read_json, text
from .errors import describes_error, error_from_answer, error_from_value
from .openai_chat import (
    ChatQuirks,
    arguments_text,
    content_text,
    decode_usage,
    finish_reason,
    new_call_id,
    reasoning_text,
    tool_call,
    usage_field,
)
from .sse import SSEDecoder


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


class _Calls:
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
        place = self._place(item.get("index"), position, id_, name)
        begins = place == len(self._calls)
        if begins:
            self._calls.append(_Call(id_ or new_call_id()))
        call = self._calls[place]
        new_name = name if call.name is None else None
        call.name = call.name or name
        call.arguments.append(arguments)
        return ToolCallDelta(place, call.id if begins else None, new_name, arguments)

    def _place(
        self, index: object, position: int, id_: str | None, name: str | None
    ) -> int:
        """Where in our list the call stands; one past its end if it begins now."""
        end = len(self._calls)
        indexed = isinstance(index, int)
        place = self._places.get(index, end) if isinstance(index, int) else position
        known = place < end and self._calls[place].goes_on(id_, name, indexed=indexed)
        place = place if known else end
        if isinstance(index, int):
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


class ChatStreamDecoder:
    """Reads one streamed answer.

    `complete` turns true with the provider's terminal marker, `error` is set by an
    error inside the stream; what came before it has been returned by then.
    """

    def __init__(self, quirks: ChatQuirks) -> None:
        self.complete = False
        self.error: LLMServiceError | None = None
        self._quirks = quirks
        self._sse = SSEDecoder()
        self._id: str | None = None
        self._model: str | None = None
        self._request_id: str | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls = _Calls()
        self._usage: Mapping[str, Any] = {}
        self._raw_reason: str | None = None

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
        if self._raw_reason is not None and not self._quirks.ends_with_done:
            self.complete = True
        return events

    def response(self) -> LLMResponse:
        """The answer as far as it has arrived."""
        words = "".join(self._text)
        refusal = "".join(self._refusal) or None
        calls = self._calls.whole()
        reason = finish_reason(self._raw_reason, calls, refusal, words)
        return LLMResponse(
            words,
            self._model or "",
            finish_reason=reason if self.complete else "error",
            raw_finish_reason=self._raw_reason,
            usage=decode_usage(self._usage),
            tool_calls=calls,
            reasoning="".join(self._reasoning) or None,
            refusal=refusal,
            id=self._id,
            request_id=self._request_id,
        )

    def _read(self, name: bytes, data: bytes, events: list[StreamEvent]) -> None:
        if self.complete or self.error:
            return
        if data.startswith(b"[DONE]"):
            self.complete = True
        elif name == b"error":
            self.error = error_from_answer(200, {}, data, now=0)
        elif data.strip():
            self._read_chunk(read_json(data), events)

    def _read_chunk(self, chunk: Any, events: list[StreamEvent]) -> None:
        fields = mapping(chunk)
        choices = fields.get("choices")
        if fields.get("error") or (not choices and describes_error(chunk)):
            self.error = error_from_value(chunk, status_code=200)
            return
        if self._model is None:
            self._model = text(fields.get("model"))
            self._id = self._id or text(fields.get("id"))
        if isinstance(choices, list) and choices:
            self._read_choice(mapping(choices[0]), events)
        if fields.get("usage") or fields.get("x_groq"):
            self._read_extras(fields)

    def _read_extras(self, fields: Mapping[str, Any]) -> None:
        self._usage = usage_field(fields) or self._usage
        own = mapping(fields.get("x_groq"))
        self._request_id = self._request_id or text(own.get("id"))
        if own.get("error"):
            self.error = error_from_value(own, status_code=200)

    def _read_choice(
        self, choice: Mapping[str, Any], events: list[StreamEvent]
    ) -> None:
        if choice.get("index"):
            return  # of several alternatives, the first is the answer
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict):
            self._read_delta(delta, events)
        self._raw_reason = text(choice.get("finish_reason")) or self._raw_reason

    def _read_delta(self, delta: dict[str, Any], events: list[StreamEvent]) -> None:
        content = delta.get("content")
        if content and (words := content_text(content)):
            self._text.append(words)
            events.append(TextDelta(words))
        if len(delta) > 1 or not content:
            self._read_rest(delta, events)

    def _read_rest(self, delta: dict[str, Any], events: list[StreamEvent]) -> None:
        if reasoning := reasoning_text(delta):
            self._reasoning.append(reasoning)
            events.append(ReasoningDelta(reasoning))
        if refusal := text(delta.get("refusal")):
            self._refusal.append(refusal)
        items = delta.get("tool_calls")
        if not isinstance(items, list):
            return
        alone = len(items) == 1
        for position, item in enumerate(items):
            place = self._calls.last() if alone else position
            events.append(self._calls.add(mapping(item), place))
