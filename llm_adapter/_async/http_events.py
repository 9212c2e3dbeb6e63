"""The events of an answer that arrives over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .._call import Generation, conclude, log_failure
from .._concurrency import monotonic
from .._events import events_of
from .._wire.dialect import StreamDecoder, interrupted
from ..errors import (
    LLMAPIError,
    LLMServiceError,
    LLMStreamInterruptedError,
    LLMTimeoutError,
)
from ..models import LLMResponse, StreamEnd, StreamEvent
from .session import AsyncAnswer, AsyncSession

DRAIN_SECONDS = 0.1
_BLANKS = b"\xef\xbb\xbf \t\r\n"


class AsyncReady(Protocol):
    """Makes a call ready that may still lack its model."""

    async def __call__(self, call: Generation) -> Generation:
        """The same call, to be sent as it is."""
        ...


class AsyncHTTPEvents:
    """The events of a streamed answer: sent again until the first delta, not after.

    Args:
        session: what sends it.
        call: what is sent.
        ready: makes it ready when it is opened.
    """

    def __init__(
        self,
        session: AsyncSession,
        call: Generation,
        ready: AsyncReady,
    ) -> None:
        self._session = session
        self._call = call
        self._ready = ready
        self._attempts = session.start(call)
        self._decoder: StreamDecoder = call.dialect.stream_decoder()
        self._answer: AsyncAnswer | None = None
        self._begun = False
        self._delivered = False
        self._closed = False

    async def open(self) -> None:
        """Send until an answer begins."""
        self._call = await self._ready(self._call)
        self._attempts = self._session.start(self._call)
        await self._send()

    async def pull(self) -> Sequence[StreamEvent]:
        """The next events; waits and sends again while nothing was delivered."""
        while True:
            answer = self._answer or await self._send()
            try:
                return await self._read(answer)
            except LLMServiceError as error:
                answer.named(error)
                await self._let_go()
                if self._was_closed():
                    self._attempts.failed(error, monotonic())
                    raise self._left() from None
                if self._delivered:
                    raise self._final(error) from error.__cause__
                await self._session.wait(self._call, self._attempts, error)

    def partial(self) -> LLMResponse:
        """The response as far as it has arrived."""
        return self._concluded(self._decoder.response())

    async def close(self) -> None:
        """Release the connection; whoever waits for an event is told."""
        self._closed = True
        self._attempts.left(monotonic(), self.partial)
        await self._let_go()

    async def _let_go(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            await answer.close()

    def _was_closed(self) -> bool:
        # A call, because type checkers believe that no one else changes an attribute.
        return self._closed

    def _left(self) -> LLMServiceError:
        """The error for a reader whose stream was closed by someone else."""
        reason = LLMServiceError("it was closed while it was read.")
        error = interrupted(self.partial(), reason)
        error.history = tuple(self._attempts.history)
        error.attempts = len(error.history)
        return self._call.context(error)

    async def _send(self) -> AsyncAnswer:
        while True:
            if self._was_closed():
                raise self._left()
            self._attempts.begin(monotonic())
            self._decoder = self._call.dialect.stream_decoder()
            self._begun = False
            try:
                answer = await self._session.open(self._call, self._attempts.timer)
            except LLMServiceError as error:
                await self._session.wait(self._call, self._attempts, error)
            else:
                self._answer = answer
                if self._was_closed():
                    await self._let_go()
                    self._attempts.succeeded(monotonic(), answer.status_code)
                    raise self._left()
                return answer

    async def _read(self, answer: AsyncAnswer) -> Sequence[StreamEvent]:
        if answer.is_whole:
            return await self._read_whole(answer)
        decoder = self._decoder
        while decoder.error is None:
            chunk = await answer.next_chunk()
            if not self._begun and chunk is not None:
                # Whatever its Content-Type says: no event begins like this.
                begin = chunk.lstrip(_BLANKS)[:1]
                self._begun = begin != b""
                if begin in (b"{", b"[", b"<"):
                    return await self._read_whole(answer, chunk)
            events = decoder.finish() if chunk is None else decoder.feed(chunk)
            if decoder.complete:
                await self._drain(answer)
                response = self._succeeded(answer, decoder.response())
                return [*events, StreamEnd(response)]
            if events:
                if not self._delivered:
                    self._delivered = True
                    self._attempts.delivered(monotonic())
                return events
            if chunk is None and decoder.error is None:
                raise interrupted(decoder.response())
        raise decoder.error

    async def _read_whole(
        self, answer: AsyncAnswer, head: bytes = b""
    ) -> Sequence[StreamEvent]:
        """The events of an answer that did not come as a stream."""
        response = await answer.decoded(self._call.dialect.decode, head)
        return events_of(self._succeeded(answer, response))

    async def _drain(self, answer: AsyncAnswer) -> None:
        """Read the end of the body, so that the connection can be used again."""
        timer = self._attempts.timer
        timer.total = min(timer.total, monotonic() + DRAIN_SECONDS)
        try:
            while await answer.next_chunk() is not None:
                pass
        except LLMServiceError:
            pass  # the answer is complete; only the connection is lost

    def _succeeded(self, answer: AsyncAnswer, response: LLMResponse) -> LLMResponse:
        self._attempts.succeeded(monotonic(), answer.status_code)
        concluded = self._concluded(response, answer.request_id)
        self._attempts.answered(concluded)
        return concluded

    def _concluded(
        self, response: LLMResponse, request_id: str | None = None
    ) -> LLMResponse:
        return conclude(
            self._call,
            response,
            self._attempts,
            now=monotonic(),
            request_id=request_id,
        )

    def _final(self, error: LLMServiceError) -> LLMServiceError:
        """The error for a stream of which the caller has seen a part."""
        partial = self.partial()
        if isinstance(error, LLMStreamInterruptedError):
            error.partial = partial
        elif not (isinstance(error, LLMTimeoutError | LLMAPIError) or error.code):
            error = interrupted(partial, error)
        self._attempts.failed(error, monotonic(), partial)
        log_failure(self._call, error)
        return self._call.context(error)
