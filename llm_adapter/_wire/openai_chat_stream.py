"""Streams of Chat Completions: bytes in, deltas out, the whole response at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
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
from .kept import kept
from .openai_chat_answers import (
    calls_field,
    content_text,
    finish_reason,
    reasoning_text,
    separated,
)
from .openai_chat_calls import ToolCallFragments
from .openai_chat_kept import KeptFragments
from .openai_chat_quirks import ChatQuirks
from .openai_chat_usage import decode_usage, usage_field
from .sse import SSEDecoder, SSEEvent
from .think_tags import Kind, ThoughtSplitter


class ChatStreamDecoder:
    """Reads one streamed answer."""

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
        self._splitter = ThoughtSplitter() if quirks.think_tags else None
        self._calls = ToolCallFragments()
        self._keeps = bool(quirks.keeps)
        self._kept = KeptFragments(quirks.keeps)
        self._usage: Mapping[str, Any] = {}
        self._tier: object = None
        self._raw_reason: str | None = None

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """The deltas that `chunk` completes."""
        events: list[StreamEvent] = []
        try:
            self._read_all(self._sse.feed(chunk), events)
        except LLMServiceError as error:
            self.error = self.error or error
        if self.complete or self.error:
            self._tell_rest(events)
        return events

    def finish(self) -> list[StreamEvent]:
        """The deltas that the end of the body completes."""
        events: list[StreamEvent] = []
        # Cut within its last event, which `complete` says.
        with suppress(LLMInvalidResponseError):
            self._read_all(self._sse.finish(), events)
        self._tell_rest(events)
        if self._raw_reason is not None and not self._quirks.ends_with_done:
            self.complete = self.error is None
        return events

    def response(self) -> LLMResponse:
        """The answer as far as it has arrived."""
        reasoning, words = separated(
            "".join(self._reasoning), "".join(self._text), self._quirks
        )
        model = self._model or ""
        refusal = "".join(self._refusal) or None
        calls = self._calls.whole()
        reason = finish_reason(self._raw_reason, calls, refusal, words)
        return LLMResponse(
            words,
            model,
            finish_reason=reason if self.complete else "error",
            raw_finish_reason=self._raw_reason,
            usage=decode_usage(self._usage, self._quirks, self._tier),
            tool_calls=calls,
            reasoning=reasoning or None,
            refusal=refusal,
            id=self._id,
            request_id=self._request_id,
            provider_items=kept("chat", model, self._kept.whole()),
        )

    # -- events -----------------------------------------------------------------------

    def _read_all(self, found: Iterable[SSEEvent], events: list[StreamEvent]) -> None:
        for name, data in found:
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
        has_more = fields.get("usage") or fields.get("x_groq")
        if has_more:
            self._read_extras(fields)
        choices = fields.get("choices")
        if fields.get("error") or (not choices and describes_error(chunk)):
            self.error = error_from_value(chunk, status_code=200)
            return
        if self._model is None:
            self._model = text(fields.get("model"))
            self._id = self._id or text(fields.get("id"))
            self._tier = fields.get("service_tier") or self._tier
        for choice in choices if isinstance(choices, list) else ():
            self._read_choice(mapping(choice), events)
        own = mapping(fields.get("x_groq")) if has_more else {}
        if own.get("error"):
            self.error = error_from_value(own, status_code=200)

    def _read_extras(self, fields: Mapping[str, Any]) -> None:
        self._usage = usage_field(fields) or self._usage
        self._tier = fields.get("service_tier") or self._tier
        own = mapping(fields.get("x_groq"))
        self._request_id = self._request_id or text(own.get("id"))

    def _read_choice(
        self, choice: Mapping[str, Any], events: list[StreamEvent]
    ) -> None:
        index = choice.get("index")
        if isinstance(index, int) and index > 0:
            return  # of several alternatives, the first is the answer
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self._read_delta(delta, events)
        elif "delta" not in choice:  # some servers repeat the message beside it
            self._read_message(mapping(choice.get("message")), events)
        reason = choice.get("finish_reason")
        if reason:
            self._raw_reason = text(reason) or self._raw_reason
        if reason == "error" and describes_error(choice):
            self.error = error_from_value(choice, status_code=200)

    def _read_message(
        self, message: Mapping[str, Any], events: list[StreamEvent]
    ) -> None:
        """Take a message in the place of a delta, unless it was told already."""
        said = "".join(self._text)
        told = said or self._reasoning or self._calls.whole()
        if not told or content_text(message.get("content")) != said:
            self._read_delta(message, events)

    # -- deltas -----------------------------------------------------------------------

    def _read_delta(self, delta: Mapping[str, Any], events: list[StreamEvent]) -> None:
        content = delta.get("content")
        is_plain = len(delta) == 1 and isinstance(content, str) and not self._keeps
        if not is_plain:
            self._read_rest(delta, events)
        if content and (words := content_text(content)):
            self._text.append(words)
            self._tell_text(words, events)
        if not is_plain and isinstance(items := calls_field(delta), list):
            self._read_calls(items, events)

    def _read_rest(self, delta: Mapping[str, Any], events: list[StreamEvent]) -> None:
        if reasoning := reasoning_text(delta):
            self._tell_rest(events)
            self._splitter = None  # this server tells reasoning and text apart
            self._reasoning.append(reasoning)
            events.append(ReasoningDelta(reasoning))
        if refusal := text(delta.get("refusal")):
            self._refusal.append(refusal)
        self._kept.add(delta)

    def _read_calls(self, items: list[Any], events: list[StreamEvent]) -> None:
        alone = len(items) == 1
        for position, item in enumerate(items):
            place = self._calls.last() if alone else position
            fragment = mapping(item)
            delta = self._calls.add(fragment, place)
            self._kept.add_call(delta.index, fragment)
            events.append(delta)

    def _tell_text(self, words: str, events: list[StreamEvent]) -> None:
        if self._splitter is None:
            events.append(TextDelta(words))
        else:
            events.extend(map(_delta, self._splitter.feed(words)))

    def _tell_rest(self, events: list[StreamEvent]) -> None:
        """Tell what was held back in case a tag followed."""
        if self._splitter is not None:
            events.extend(map(_delta, self._splitter.finish()))


def _delta(piece: tuple[Kind, str]) -> StreamEvent:
    kind, words = piece
    return ReasoningDelta(words) if kind == "reasoning" else TextDelta(words)
