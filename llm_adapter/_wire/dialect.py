"""What the shell needs of a dialect."""

from __future__ import annotations

from typing import Any, Protocol

from attrs import frozen

from ..errors import (
    LLMInvalidResponseError,
    LLMServiceError,
    LLMStreamInterruptedError,
)
from ..models import LLMRequest, LLMResponse, StreamEvent
from . import openai_chat
from .body import read_json
from .openai_chat import ChatQuirks, converter, streaming
from .openai_chat_stream import ChatStreamDecoder

_BLANKS = b"\xef\xbb\xbf \t\r\n"
_FIELDS = (b"data:", b"event:", b"error:", b"id:", b"retry:", b":")


class StreamDecoder(Protocol):
    """Reads one streamed answer, piece by piece."""

    complete: bool
    error: LLMServiceError | None

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """The deltas that `chunk` completes."""
        ...

    def finish(self) -> list[StreamEvent]:
        """The deltas that the end of the body completes."""
        ...

    def response(self) -> LLMResponse:
        """The answer as far as it has arrived."""
        ...


class Dialect(Protocol):
    """How requests and answers look on the wire."""

    @property
    def path(self) -> str:
        """Path of the endpoint below the base URL."""
        ...

    def encode(self, request: LLMRequest, *, stream: bool) -> dict[str, Any]:
        """The body to send."""
        ...

    def decode(self, body: bytes) -> LLMResponse:
        """The answer in a body."""
        ...

    def stream_decoder(self) -> StreamDecoder:
        """A decoder for one streamed answer."""
        ...


@frozen
class ChatDialect:
    """Chat Completions, with a provider's quirks."""

    quirks: ChatQuirks
    path: str = openai_chat.PATH

    def encode(self, request: LLMRequest, *, stream: bool) -> dict[str, Any]:
        """The body to send."""
        body: dict[str, Any] = converter(self.quirks).unstructure(request)
        return streaming(body, self.quirks) if stream else body

    def decode(self, body: bytes) -> LLMResponse:
        """The answer in a body, also when it came as a stream that nobody asked for."""
        if body.lstrip(_BLANKS).startswith(_FIELDS):
            return self._decode_stream(body)
        try:
            return converter(self.quirks).structure(read_json(body), LLMResponse)
        except LLMInvalidResponseError as error:
            if error.text is None:
                error.text = body.decode("utf-8", "replace")
            raise

    def _decode_stream(self, body: bytes) -> LLMResponse:
        decoder = self.stream_decoder()
        decoder.feed(body)
        decoder.finish()
        if decoder.error is not None:
            raise decoder.error
        if not decoder.complete:
            raise interrupted(decoder.response())
        return decoder.response()

    def stream_decoder(self) -> StreamDecoder:
        """A decoder for one streamed answer."""
        return ChatStreamDecoder(self.quirks)


def interrupted(
    partial: LLMResponse, cause: LLMServiceError | None = None
) -> LLMStreamInterruptedError:
    """The error for a stream that ended too early, and what ended it."""
    reason = f": {cause.message}" if cause else "."
    error = LLMStreamInterruptedError(
        "The stream ended before the answer was complete, after "
        f"{len(partial.text)} characters{reason}",
        partial=partial,
        text=partial.text,
        status_code=cause.status_code if cause else None,
        request_id=cause.request_id if cause else None,
    )
    error.__cause__ = cause.__cause__ if cause else None
    return error
