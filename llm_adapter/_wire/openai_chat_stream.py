"""Streams of Chat Completions: bytes in, deltas out, the whole response at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import LLMInvalidResponseError, LLMServiceError
from ..models import (
    LLMResponse,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
)
from .body import mapping, read_json, text
from .errors import describes_error, error_from_answer, error_from_value
from .openai_chat import (
    ChatQuirks,
    content_text,
    decode_usage,
    finish_reason,
    reasoning_text,
    usage_field,
)
from .openai_chat_calls import ToolCallFragments
from .sse import SSEDecoder


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
        self._calls = ToolCallFragments()
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
