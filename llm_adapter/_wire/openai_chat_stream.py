"""Streams of Chat Completions: bytes in, deltas out, the whole response at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define, field

from ..errors import LLMServiceError
from ..models import (
    LLMResponse,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from .body import mapping, read_json, text
from .errors import error_from_value
from .openai_chat import (
    ChatQuirks,
    arguments_text,
    content_text,
    decode_usage,
    finish_reason,
    reasoning_text,
    tool_call,
    usage_field,
)
from .sse import SSEDecoder


@define
class _Call:
    """A tool call that is still arriving."""

    id: str | None = None
    name: str | None = None
    arguments: list[str] = field(factory=list)


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
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, _Call] = {}
        self._fields: dict[str, Any] = {}
        self._usage: Mapping[str, Any] = {}
        self._raw_reason: str | None = None

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """The deltas that `chunk` completes."""
        return self._guarded(lambda: self._sse.feed(chunk))

    def finish(self) -> list[StreamEvent]:
        """The body has ended: what was left in it, and whether that was all."""
        events = self._guarded(self._sse.finish)
        if self._raw_reason is not None and not self._quirks.ends_with_done:
            self.complete = True
        return events

    def response(self) -> LLMResponse:
        """The answer as far as it has arrived."""
        words = "".join(self._text)
        refusal = "".join(self._refusal) or None
        calls = tuple(
            tool_call(call.id, call.name or "", "".join(call.arguments))
            for _, call in sorted(self._calls.items())
        )
        reason = finish_reason(self._raw_reason, calls, refusal, words)
        return LLMResponse(
            words,
            text(self._fields.get("model")) or "",
            finish_reason=reason if self.complete else "error",
            raw_finish_reason=self._raw_reason,
            usage=decode_usage(self._usage),
            tool_calls=calls,
            reasoning="".join(self._reasoning) or None,
            refusal=refusal,
            id=text(self._fields.get("id")),
            request_id=text(mapping(self._fields.get("x_groq")).get("id")),
        )

    def _guarded(self, pull: Any) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        try:
            for name, data in pull():
                if self.complete or self.error:
                    break
                self._read(name, data, events)
        except LLMServiceError as error:
            self.error = error
        return events

    def _read(self, name: bytes, data: bytes, events: list[StreamEvent]) -> None:
        if data.startswith(b"[DONE]"):
            self.complete = True
            return
        chunk = read_json(data)
        if not isinstance(chunk, dict):
            return
        if name == b"error" or chunk.get("error"):
            self.error = error_from_value(chunk, status_code=200)
            return
        self._read_chunk(chunk, events)

    def _read_chunk(self, chunk: dict[str, Any], events: list[StreamEvent]) -> None:
        if not self._fields:
            self._fields = chunk
        choices = chunk.get("choices")
        if isinstance(choices, list) and choices:
            self._read_choice(mapping(choices[0]), events)
        if usage := usage_field(chunk):
            self._usage = usage
        failure = mapping(chunk.get("x_groq")).get("error")
        if failure:
            self.error = error_from_value({"error": failure}, status_code=200)

    def _read_choice(
        self, choice: Mapping[str, Any], events: list[StreamEvent]
    ) -> None:
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict):
            self._read_delta(delta, events)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self._raw_reason = reason

    def _read_delta(self, delta: dict[str, Any], events: list[StreamEvent]) -> None:
        content = delta.get("content")
        if content:
            words = content if isinstance(content, str) else content_text(content)
            self._text.append(words)
            events.append(TextDelta(words))
        if not content or len(delta) > 1:
            self._read_rest(delta, events)

    def _read_rest(self, delta: dict[str, Any], events: list[StreamEvent]) -> None:
        reasoning = reasoning_text(delta)
        if reasoning:
            self._reasoning.append(reasoning)
            events.append(ReasoningDelta(reasoning))
        refusal = text(delta.get("refusal"))
        if refusal:
            self._refusal.append(refusal)
        calls = delta.get("tool_calls")
        for position, item in enumerate(calls if isinstance(calls, list) else ()):
            events.append(self._read_call(mapping(item), position))

    def _read_call(self, item: Mapping[str, Any], position: int) -> ToolCallDelta:
        function = mapping(item.get("function"))
        id_ = text(item.get("id"))
        name = text(function.get("name"))
        index = self._index(item.get("index"), position, id_, name)
        call = self._calls.setdefault(index, _Call())
        # Some servers repeat id and name with every fragment.
        new_id = None if call.id else id_
        new_name = None if call.name else name
        call.id, call.name = call.id or id_, call.name or name
        arguments = arguments_text(function.get("arguments"))
        call.arguments.append(arguments)
        return ToolCallDelta(index, new_id, new_name, arguments)

    def _index(
        self, index: object, position: int, id_: str | None, name: str | None
    ) -> int:
        """Which call a fragment belongs to; some servers leave the index out."""
        if isinstance(index, int):
            return index
        if not self._calls:
            return position
        last = max(self._calls)
        known = self._calls[last]
        begins_anew = (id_ and known.id and id_ != known.id) or (name and known.name)
        return last + 1 if begins_anew else last
