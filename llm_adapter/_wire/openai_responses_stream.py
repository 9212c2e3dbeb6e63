"""Streams of the Responses API: bytes in, deltas out, the whole response at the end.

The last event holds the whole response, which is the answer; what servers leave out of
it is taken from the events before. Events are told apart by `type`, unknown ones are
ignored (reference/wire-protocols.md 2.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from .._replace import replace
from ..errors import LLMInvalidResponseError, LLMServiceError
from ..models import LLMResponse, StreamEvent
from .body import mapping, read_json, text
from .errors import describes_error, error_from_answer, error_from_value
from .openai_responses_answers import answer, failure, output_items
from .openai_responses_items import StreamedItems
from .sse import SSEDecoder

Fields: TypeAlias = Mapping[str, Any]

_BEGINNINGS = ("response.created", "response.queued", "response.in_progress")
_ENDS = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
}
_EMPTY: tuple[object, ...] = (None, "", [], {})


class ResponsesStreamDecoder:
    """Reads one streamed answer."""

    def __init__(self) -> None:
        self.complete = False
        self.error: LLMServiceError | None = None
        self._sse = SSEDecoder()
        self._fields: dict[str, Any] = {}
        self._items = StreamedItems()
        self._response: LLMResponse | None = None

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """The deltas that `chunk` completes."""
        try:
            for name, data in self._sse.feed(chunk):
                self._read(name, data)
        except LLMServiceError as error:
            self.error = self.error or error
        return self._items.take_events()

    def finish(self) -> list[StreamEvent]:
        """The deltas that the end of the body completes."""
        try:
            for name, data in self._sse.finish():
                self._read(name, data)
        except LLMInvalidResponseError:
            pass  # cut within its last event, which `complete` says
        return self._items.take_events()

    def response(self) -> LLMResponse:
        """The answer as far as it has arrived."""
        if self._response is not None and self.complete:
            return self._response
        partial = self._response or self._answer(self._items.whole())
        # What the provider wants back with a conversation, it wants back whole.
        return replace(partial, finish_reason="error", provider_items=())

    def _answer(self, items: list[Fields]) -> LLMResponse:
        return answer(
            {**self._fields, "output": items},
            items,
            call_ids=self._items.call_ids(),
            told_from=self._items.told_from(),
        )

    def _read(self, name: bytes, data: bytes) -> None:
        if self.complete or self.error or data.startswith(b"[DONE]"):
            return  # [DONE] alone ends nothing: the whole response comes before it
        if name == b"error":
            self.error = error_from_answer(200, {}, data, now=0)
        elif data.strip():
            self._read_event(name, read_json(data))

    def _read_event(self, name: bytes, value: Any) -> None:
        event = mapping(value)
        kind = text(event.get("type")) or name.decode("ascii", "replace")
        if self._items.read(kind, event):
            return
        if kind in _ENDS:
            self._end(mapping(event.get("response")), _ENDS[kind])
        elif kind in _BEGINNINGS:
            self._learn(mapping(event.get("response")))
        elif not kind.startswith("response.") and describes_error(value):
            self.error = error_from_value(value, status_code=200)

    def _learn(self, response: Fields) -> None:
        """Take what an event says of the response, its output aside."""
        for name, value in response.items():
            if name != "output" and value not in _EMPTY:
                self._fields[name] = value

    def _end(self, response: Fields, status: str) -> None:
        known = text(response.get("status")) or status
        self._learn({**response, "status": known})
        self._response = self._whole(output_items(response))
        self._items.tell_rest(self._response)
        if "failed" in (status, known):
            self.error = failure(self._fields)
        else:
            self.complete = True

    def _whole(self, items: list[Fields]) -> LLMResponse:
        """The response of the last event's items, unless they lack what was told."""
        whole = self._answer(items)
        if items and not self._items.hold_more_than(whole):
            return whole
        self._items.close()
        return self._answer(self._items.whole())
