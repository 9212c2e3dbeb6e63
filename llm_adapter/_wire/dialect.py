"""What the shell needs of a dialect, and what the dialects share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..errors import (
    LLMInvalidResponseError,
    LLMServiceError,
    LLMStreamInterruptedError,
)
from ..models import LLMRequest, LLMResponse, StreamEvent
from .body import read_json
from .traits import PLAIN, Traits

_BLANKS = b"\xef\xbb\xbf \t\r\n"
_FIELDS = (b"data:", b"event:", b"error:", b"id:", b"retry:", b":")


class StreamDecoder(Protocol):
    """Reads one streamed answer, piece by piece.

    `complete` turns true with the provider's terminal marker, `error` is set by an
    error inside the stream; what came before it has been returned by then.
    """

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
    def name(self) -> str:
        """As in `api=`: chat, responses or messages."""
        ...

    @property
    def path(self) -> str:
        """Path of the endpoint below the base URL."""
        ...

    @property
    def formats(self) -> frozenset[str]:
        """Kinds of response_format that it has a field for; others it says in words."""
        ...

    def headers(self, request: LLMRequest) -> Mapping[str, str]:
        """Headers that this request needs beside those of every request."""
        ...

    def unsupported(self, request: LLMRequest, traits: Traits) -> str | None:
        """What of a request cannot be said here, None when all of it can.

        The first word of the answer names the field or the kind of content, such as
        "seed" or "tool_choice='x' (this model cannot be made to call a tool)".
        """
        ...

    def encode(
        self, request: LLMRequest, *, stream: bool, traits: Traits = PLAIN
    ) -> dict[str, Any]:
        """The body to send; `request.model` is set."""
        ...

    def must_stream(self, request: LLMRequest) -> bool:
        """Whether a whole answer has to be asked for as a stream."""
        ...

    def decode(self, body: bytes) -> LLMResponse:
        """The answer in a body, also when it came as a stream."""
        ...

    def stream_decoder(self) -> StreamDecoder:
        """A decoder for one streamed answer."""
        ...


def read_answer(
    body: bytes,
    structure: Callable[[Any], LLMResponse],
    stream_decoder: Callable[[], StreamDecoder],
) -> LLMResponse:
    """The answer in a body: one JSON value, or a stream that was read whole.

    Args:
        body: whole, decompressed.
        structure: reads the decoded JSON value.
        stream_decoder: makes a decoder for a body of events.

    Raises:
        LLMServiceError: the body is an error, or no answer.
    """
    if body.lstrip(_BLANKS).startswith(_FIELDS):
        return _read_stream(body, stream_decoder())
    try:
        return structure(read_json(body))
    except LLMInvalidResponseError as error:
        if error.text is None:
            error.text = body.decode("utf-8", "replace")
        raise


def _read_stream(body: bytes, decoder: StreamDecoder) -> LLMResponse:
    decoder.feed(body)
    decoder.finish()
    if decoder.error is not None:
        raise decoder.error
    if not decoder.complete:
        raise interrupted(decoder.response())
    return decoder.response()


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
