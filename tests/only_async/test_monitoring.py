"""Monitoring of calls that are cancelled, and from several event loops."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from llm_adapter import (
    AsyncCachingLLMService,
    AsyncGroqAdapter,
    AsyncMonitoringLLMService,
    LLMServiceError,
    MemoryCache,
)
from llm_adapter.testing.emulator import Emulator, faults

KEY = "test-key-3f9a"


@pytest.fixture
def emulator():
    with Emulator() as running:
        yield running


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
async def llm(emulator, exporter):
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    base = AsyncGroqAdapter(KEY, base_url=emulator.base_url("groq"))
    async with AsyncMonitoringLLMService(base, tracer_provider=tracers) as service:
        yield service
    tracers.shutdown()


async def in_flight(llm, count=1):
    with anyio.fail_after(5):
        while llm.snapshot().total.in_flight != count:  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.005)


def outcomes(exporter):
    spans = exporter.get_finished_spans()
    return [span.attributes.get("llm_adapter.outcome") for span in spans]


async def test_answer_that_is_cancelled_is_no_error(emulator, llm, exporter):
    emulator.script(faults.slow_first_byte(5))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(llm.generate, "Hi")
        await in_flight(llm)
        tasks.cancel_scope.cancel()
    total = llm.snapshot().total
    assert (total.cancelled, total.failed, total.in_flight) == (1, 0, 0)
    assert outcomes(exporter) == ["cancelled"]


async def test_stream_that_is_cancelled_while_it_is_read_is_no_error(
    emulator, llm, exporter
):
    emulator.script(faults.stall(at="body"))

    async def read():
        async with llm.stream("Hi") as stream:
            async for _ in stream:
                pass

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await in_flight(llm)
        await anyio.sleep(0.05)
        tasks.cancel_scope.cancel()
    total = llm.snapshot().total
    assert (total.cancelled, total.failed, total.in_flight) == (1, 0, 0)
    assert outcomes(exporter) == ["cancelled"]


async def test_stream_that_another_task_closes_is_left(emulator, llm, exporter):
    emulator.script(faults.stall(at="body"))
    stream = llm.stream("Hi")

    async def read():
        with pytest.raises(LLMServiceError, match="closed while it was read"):
            async for _ in stream:
                pass

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await in_flight(llm)
        await anyio.sleep(0.05)
        await stream.close()
    total = llm.snapshot().total
    assert (total.left, total.failed, total.in_flight) == (1, 0, 0)
    assert outcomes(exporter) == ["left"]


async def test_call_that_goes_on_for_others_is_counted_once(emulator, exporter, caplog):
    """Who began it is cancelled; its span has ended when the request is retried."""
    emulator.script(faults.slow_first_byte(0.2) | faults.server_error())
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    base = AsyncGroqAdapter(KEY, base_url=emulator.base_url("groq"))
    caching = AsyncCachingLLMService(base, MemoryCache())
    async with (
        AsyncMonitoringLLMService(caching, tracer_provider=tracers) as llm,
        anyio.create_task_group() as others,
        anyio.create_task_group() as first,
    ):
        first.start_soon(llm.generate, "Hi")
        await in_flight(llm)
        await anyio.sleep(0.05)
        others.start_soon(llm.generate, "Hi")
        await in_flight(llm, 2)
        first.cancel_scope.cancel()
    total = llm.snapshot().total
    assert (total.cancelled, total.succeeded, total.cached) == (1, 1, 1)
    assert caplog.text.count("ended span") == 0
    tracers.shutdown()


def test_event_loops_at_once_share_the_counts(emulator):
    base = AsyncGroqAdapter(KEY, base_url=emulator.base_url("groq"))
    llm = AsyncMonitoringLLMService(base)

    async def calls():
        for _ in range(5):
            await llm.generate("Hi")
        async with llm.stream("Hi") as stream:
            async for _ in stream:
                pass

    def loop(number):
        anyio.run(calls, backend=("asyncio", "trio")[number % 2])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(loop, range(4)))
    total = llm.snapshot().total
    assert (total.succeeded, total.first_token.count, total.in_flight) == (24, 4, 0)
