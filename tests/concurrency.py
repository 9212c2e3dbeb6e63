"""What tests need beside `llm_adapter._concurrency`: pairs by the same naming law."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import anyio
import pytest

import llm_adapter
from llm_adapter import (
    AsyncLLMService,
    AsyncMockLLMService,
    AsyncResponseStream,
    LLMResponse,
    LLMService,
    MockLLMService,
    ResponseStream,
    StreamEvent,
)
from llm_adapter._async.labelled import AsyncLabelledLLMService
from llm_adapter._sync.labelled import LabelledLLMService

T = TypeVar("T")

left_to_the_collector = pytest.mark.filterwarnings(
    # trio says so of every stream that is left without `with`; its connection is
    # released all the same.
    "ignore:Async generator 'llm_adapter:ResourceWarning"
)


async def async_fan_out(call: Callable[[int], Awaitable[T]], count: int) -> list[T]:
    """The results of `call(0)` to `call(count - 1)`, all running at once."""
    results: dict[int, T] = {}

    async def run(number: int) -> None:
        results[number] = await call(number)

    async with anyio.create_task_group() as tasks:
        for number in range(count):
            tasks.start_soon(run, number)
    return [results[number] for number in range(count)]


def fan_out(call: Callable[[int], T], count: int) -> list[T]:
    """The results of `call(0)` to `call(count - 1)`, each in a thread of its own."""
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(call, range(count)))


async def async_comes_true(condition: Callable[[], bool], seconds: float = 5) -> bool:
    """Whether the condition holds within that time; the event loop goes on."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:  # noqa: ASYNC110
        await anyio.sleep(0.005)
    return condition()


def comes_true(condition: Callable[[], bool], seconds: float = 5) -> bool:
    """Whether the condition holds within that time."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


def async_other_form() -> type[LLMService]:
    """An adapter that the async factory cannot take."""
    return MockLLMService


def other_form() -> type[AsyncLLMService]:
    """An adapter that the sync factory cannot take."""
    return AsyncMockLLMService


def async_labelled_view(
    base: AsyncLLMService, labels: Mapping[str, Any]
) -> AsyncLabelledLLMService:
    """The service with labels on its requests; it has no public name."""
    return AsyncLabelledLLMService(base, labels)


def labelled_view(base: LLMService, labels: Mapping[str, Any]) -> LabelledLLMService:
    """The service with labels on its requests; it has no public name."""
    return LabelledLLMService(base, labels)


def async_adapter_class(name: str) -> type[AsyncLLMService]:
    """The async adapter of a name such as GroqAdapter."""
    found: type[AsyncLLMService] = getattr(llm_adapter, f"Async{name}")
    return found


def adapter_class(name: str) -> type[LLMService]:
    """The sync adapter of a name such as GroqAdapter."""
    found: type[LLMService] = getattr(llm_adapter, name)
    return found


def async_flights(**options: Any) -> Any:
    """A table of calls that are shared."""
    from llm_adapter._async.flights import AsyncFlights

    return AsyncFlights(**options)


def flights(**options: Any) -> Any:
    """A table of calls that are shared."""
    from llm_adapter._sync.flights import Flights

    return Flights(**options)


def async_shared_stream(source: Any, ended: Any) -> Any:
    """A stream that several read."""
    from llm_adapter._async.cached_stream import AsyncSharedStream

    return AsyncSharedStream(source, ended)


def shared_stream(source: Any, ended: Any) -> Any:
    """A stream that several read."""
    from llm_adapter._sync.cached_stream import SharedStream

    return SharedStream(source, ended)


async def async_drained(
    stream: AsyncResponseStream,
) -> tuple[list[StreamEvent], LLMResponse]:
    """All events of a stream, and its response."""
    async with stream:
        events = [event async for event in stream]
        return events, stream.response


def drained(stream: ResponseStream) -> tuple[list[StreamEvent], LLMResponse]:
    """All events of a stream, and its response."""
    with stream:
        return list(stream), stream.response
