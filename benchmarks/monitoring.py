"""What monitoring and booking cost: CPU of this process, all sides in turns in one run.

The sides: a service as it is, monitored, monitored with OpenTelemetry's SDK, which
makes spans that go nowhere and metrics in memory, and booked in an SQLite file, with
all that its thread does. A row is a service in this process
that answers from a variable, or the canned provider over loopback. Streams are
measured per event; of the burst 400 come in few pieces, of the paced each in its own.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from speed import server

from llm_adapter import (
    AsyncGroqAdapter,
    AsyncLLMService,
    AsyncMonitoringLLMService,
    AsyncTrackingLLMService,
    GroqAdapter,
    LLMRequest,
    LLMResponse,
    LLMService,
    MonitoringLLMService,
    TrackingLLMService,
    Usage,
)

MODEL = "openai/gpt-oss-20b"
ANSWER = LLMResponse("Hello", MODEL, usage=Usage(input_tokens=9, output_tokens=5))
REQUEST = LLMRequest("Say something.", model=MODEL, metadata={"workflow": "bench"})
FOLDER = tempfile.TemporaryDirectory()
LEDGER = f"sqlite:///{FOLDER.name}/ledger.db"
ROUNDS, INSIDE, CALLS, STREAMS = 20, 3000, 150, 3


class Trivial(LLMService):
    """Answers from a variable."""

    def generate(self, request: Any, **overrides: Any) -> LLMResponse:
        return ANSWER

    def get_provider_name(self) -> str:
        return "trivial"

    def get_available_models(self) -> list[str]:
        return [MODEL]


class AsyncTrivial(AsyncLLMService):
    """Answers from a variable."""

    async def generate(self, request: Any, **overrides: Any) -> LLMResponse:
        return ANSWER

    def get_provider_name(self) -> str:
        return "trivial"

    def get_available_models(self) -> list[str]:
        return [MODEL]


def row(name: str, sides: Sequence[Callable[[], object]], count: int) -> None:
    """Measure all sides in turns and print the best of each."""
    for side in sides:
        side()
    rounds = [[cpu(side) for side in sides] for _ in range(ROUNDS)]
    best = [min(side) / count * 1e6 for side in zip(*rounds, strict=True)]
    more = (each - best[0] for each in best[1:])
    print(
        f"{name:24} {best[0]:9.1f}",
        *(
            f"{each:9.1f} (+{extra:5.1f})"
            for each, extra in zip(best[1:], more, strict=True)
        ),
    )


def cpu(work: Callable[[], object]) -> float:
    """Seconds of CPU that `work` takes."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def providers() -> dict[str, Any]:
    """OpenTelemetry as a program sets it up, with nobody to export to."""
    return {
        "tracer_provider": TracerProvider(),
        "meter_provider": MeterProvider([InMemoryMetricReader()]),
    }


def sides(base: LLMService) -> list[LLMService]:
    """The service as it is, monitored, traced as well, and booked."""
    return [
        base,
        MonitoringLLMService(base, telemetry=False),
        MonitoringLLMService(base, **providers()),
        TrackingLLMService(base, LEDGER),
    ]


def async_sides(base: AsyncLLMService) -> list[AsyncLLMService]:
    """The same in the other form."""
    return [
        base,
        AsyncMonitoringLLMService(base, telemetry=False),
        AsyncMonitoringLLMService(base, **providers()),
        AsyncTrackingLLMService(base, LEDGER),
    ]


def calls(llm: LLMService, times: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(times):
            llm.generate(REQUEST)

    return work


def streams(llm: LLMService) -> Callable[[], None]:
    def work() -> None:
        for _ in range(STREAMS):
            with llm.stream(REQUEST) as stream:
                for _ in stream:
                    pass

    return work


def async_calls(llm: AsyncLLMService, times: int) -> Callable[[], None]:
    async def main() -> None:
        for _ in range(times):
            await llm.generate(REQUEST)

    return lambda: asyncio.run(main())


def compare(url: str) -> None:
    inside = sides(Trivial())
    row("in this process", [calls(llm, INSIDE) for llm in inside], INSIDE)
    inside_loop = async_sides(AsyncTrivial())
    row(
        "in this process, async",
        [async_calls(llm, INSIDE) for llm in inside_loop],
        INSIDE,
    )
    with GroqAdapter("key", base_url=f"{url}/call/v1", model=MODEL) as base:
        row("loopback", [calls(llm, CALLS) for llm in sides(base)], CALLS)
    over_loop = async_sides(AsyncGroqAdapter("key", base_url=f"{url}/call/v1"))
    row("loopback, async", [async_calls(llm, CALLS) for llm in over_loop], CALLS)
    for path, events in (("stream", 400), ("paced", 40)):
        with GroqAdapter("key", base_url=f"{url}/{path}/v1", model=MODEL) as base:
            row(
                f"{path}, per event",
                [streams(llm) for llm in sides(base)],
                STREAMS * events,
            )


if __name__ == "__main__":
    head = " ".join(
        f"{each:>18}" for each in ("monitored", "with OpenTelemetry", "booked")
    )
    print(f"{'us of CPU':24} {'as it is':>9} {head}")
    with server() as address:
        compare(address)
