"""Calls as OpenTelemetry's own SDK and exporters see them."""

from __future__ import annotations

import json
import sys
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from attrs import frozen
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode, get_current_span
from prometheus_client import start_http_server

from llm_adapter import (
    AsyncCachingLLMService,
    AsyncMockLLMService,
    AsyncMonitoringLLMService,
    AsyncOpenAIAdapter,
    LLMAuthenticationError,
    LLMConfigurationError,
    LLMInvalidResponseError,
    LLMResponse,
    LLMStreamInterruptedError,
    MemoryCache,
    usage_context,
)
from llm_adapter._telemetry import _names as names
from llm_adapter.testing.emulator import Reply, faults
from tests.concurrency import async_drained

KEY = "test-key-3f9a"
MODEL = "openai/gpt-oss-120b"
SECRET = "a secret of the user's"


class Seen:
    """A program that uses OpenTelemetry, and what it has seen."""

    def __init__(self):
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader])

    def monitored(self, base, **options):
        return AsyncMonitoringLLMService(
            base, tracer_provider=self.tracers, meter_provider=self.meters, **options
        )

    @property
    def spans(self):
        return list(self._exporter.get_finished_spans())

    @property
    def span(self):
        (span,) = self.spans
        return span

    @property
    def metrics(self):
        data = self._reader.get_metrics_data()
        found = {} if data is None else json.loads(data.to_json())
        return {
            metric["name"]: metric["data"]["data_points"]
            for resource in found.get("resource_metrics", [])
            for scope in resource["scope_metrics"]
            for metric in scope["metrics"]
        }

    def point(self, name):
        (point,) = self.metrics[name]
        return point


@pytest.fixture
def seen():
    program = Seen()
    yield program
    program.tracers.shutdown()
    program.meters.shutdown()


@pytest.fixture
async def llm(seen, connect):
    return seen.monitored(connect())


def scraped():
    """What Prometheus reads of a program."""
    server, thread = start_http_server(0, addr="127.0.0.1")
    try:
        address = f"http://127.0.0.1:{server.server_port}/metrics"
        return urlopen(address, timeout=5).read().decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@frozen
class Letter:
    a: int


# -- spans ----------------------------------------------------------------------------


async def test_call_is_a_span_with_all_that_is_known(emulator, seen, llm):
    response = await llm.generate(
        "Hi",
        temperature=0.5,
        top_p=0.9,
        max_tokens=100,
        seed=7,
        stop_sequences=["."],
        extra_body={"frequency_penalty": 0.25, "presence_penalty": "none"},
        metadata={"workflow": "ranking", "user_id": "u7", "conversation_id": "c1"},
    )
    span = seen.span
    assert (span.name, span.kind) == (f"chat {MODEL}", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "groq",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": (".",),
        "gen_ai.request.frequency_penalty": 0.25,
        "gen_ai.conversation.id": "c1",
        "gen_ai.workflow.name": "ranking",
        "server.address": "127.0.0.1",
        "server.port": urlsplit(emulator.base_url("groq")).port,
        "gen_ai.response.id": response.id,
        "gen_ai.response.model": response.model,
        "gen_ai.response.finish_reasons": (response.finish_reason,),
        "gen_ai.usage.input_tokens": response.usage.input_tokens,
        "gen_ai.usage.output_tokens": response.usage.output_tokens,
        "gen_ai.usage.reasoning.output_tokens": response.usage.reasoning_tokens,
    }


async def test_model_that_nobody_has_named_is_known_in_the_end(seen, llm):
    await llm.generate("Hi")
    assert seen.span.name == f"chat {MODEL}"
    assert seen.span.attributes["gen_ai.request.model"] == MODEL


async def test_failure_is_an_error_with_its_class(emulator, seen, llm):
    emulator.script(faults.invalid_api_key())
    with pytest.raises(LLMAuthenticationError):
        await llm.generate(SECRET)
    span = seen.span
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "LLMAuthenticationError"
    assert span.attributes["error.type"] == "LLMAuthenticationError"
    assert span.attributes["http.response.status_code"] == 401
    assert "gen_ai.response.finish_reasons" not in span.attributes


async def test_retries_are_events(emulator, seen, llm):
    emulator.script(faults.server_error(), faults.reset(at="headers"))
    await llm.generate("Hi")
    events = [(event.name, dict(event.attributes)) for event in seen.span.events]
    assert events == [
        (
            "llm_adapter.retry",
            {
                "llm_adapter.attempt": 2,
                "error.type": "LLMServerError",
                "http.response.status_code": 500,
            },
        ),
        (
            "llm_adapter.retry",
            {"llm_adapter.attempt": 3, "error.type": "LLMConnectionError"},
        ),
    ]
    assert seen.span.attributes["llm_adapter.retries"] == 2
    assert seen.point("llm_adapter.client.retries")["value"] == 2


async def test_answer_that_cannot_be_read_is_an_error_that_was_paid_for(
    emulator, seen, llm
):
    emulator.script(Reply(text="no JSON"))
    with pytest.raises(LLMInvalidResponseError):
        await llm.generate_as(Letter, "Give JSON")
    span = seen.span
    assert span.attributes["error.type"] == "LLMInvalidResponseError"
    assert span.attributes["gen_ai.usage.output_tokens"] > 0


async def test_json_is_the_type_of_the_output(emulator, seen, llm):
    emulator.script(Reply(text="{}"))
    await llm.generate("Give JSON", response_format={"type": "json_object"})
    assert seen.span.attributes["gen_ai.output.type"] == "json"


async def test_vectors_are_a_span(emulator, seen):
    base = AsyncOpenAIAdapter(KEY, base_url=emulator.base_url("openai"))
    async with seen.monitored(base) as llm:
        vectors = await llm.embed("sea", model="text-embedding-3-small", dimensions=8)
    span = seen.span
    assert span.name == "embeddings text-embedding-3-small"
    assert span.attributes["gen_ai.embeddings.dimension.count"] == 8
    tokens = span.attributes["gen_ai.usage.input_tokens"]
    assert tokens == vectors.usage.input_tokens
    assert "gen_ai.response.finish_reasons" not in span.attributes


async def test_span_is_the_current_one_for_what_happens_below(seen):
    tracer = seen.tracers.get_tracer("below")

    def answer(request):
        with tracer.start_as_current_span("below"):
            return "Hello"

    llm = seen.monitored(AsyncMockLLMService({"Hi": answer}))
    with tracer.start_as_current_span("above"):
        await llm.generate("Hi")
        await async_drained(llm.stream("Hi"))
    spans = {span.context.span_id: span.name for span in seen.spans}
    parents = [
        (span.name, spans.get(span.parent and span.parent.span_id))
        for span in seen.spans
    ]
    chat = "chat mock-model"
    assert parents == [
        *(("below", chat), (chat, "above")),
        *(("below", chat), (chat, "above")),
        ("above", None),
    ]


async def test_span_does_not_stay_the_current_one(seen, llm):
    await llm.generate("Hi")
    async with llm.stream("Hi") as stream:
        async for _ in stream:
            assert not get_current_span().get_span_context().is_valid
    assert not get_current_span().get_span_context().is_valid


async def test_call_that_is_stopped_from_outside_ends_its_span(seen):
    def stop(request):
        raise KeyboardInterrupt

    llm = seen.monitored(AsyncMockLLMService({"Hi": stop}))
    with pytest.raises(KeyboardInterrupt):
        await llm.generate("Hi")
    span = seen.span
    assert span.attributes["llm_adapter.outcome"] == "cancelled"
    assert span.attributes["error.type"] == "cancelled"
    assert span.status.status_code is StatusCode.UNSET


async def test_answer_of_a_model_that_is_not_told_has_none(seen):
    llm = seen.monitored(AsyncMockLLMService({"Hi": LLMResponse("Hello", id="a1")}))
    await llm.generate("Hi")
    assert "gen_ai.response.model" not in seen.span.attributes
    assert seen.span.attributes["gen_ai.response.id"] == "a1"


# -- streams --------------------------------------------------------------------------


async def test_stream_is_a_span_with_its_first_chunk(seen, llm):
    _, response = await async_drained(llm.stream("Hi"))
    attributes = seen.span.attributes
    assert attributes["gen_ai.request.stream"] is True
    assert 0 < attributes["gen_ai.response.time_to_first_chunk"] < 30
    assert attributes["gen_ai.usage.output_tokens"] == response.usage.output_tokens
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)


async def test_stream_that_is_cut_ends_with_an_error(emulator, seen, llm):
    emulator.script(faults.truncated_stream())
    with pytest.raises(LLMStreamInterruptedError):
        await async_drained(llm.stream("Hi"))
    attributes = seen.span.attributes
    assert attributes["gen_ai.response.finish_reasons"] == ("error",)
    assert attributes["error.type"] == "LLMStreamInterruptedError"


async def test_stream_that_is_left_ends_its_span_and_is_no_error(emulator, seen, llm):
    emulator.script(Reply(text="one two three") | faults.stall(at=0.6))
    async with llm.stream("Hi", timeout=5) as stream:
        await anext(stream)
        assert seen.spans == []
    span = seen.span
    assert span.attributes["llm_adapter.outcome"] == "left"
    assert span.status.status_code is StatusCode.UNSET
    assert not {"error.type", "gen_ai.response.finish_reasons"} & {*span.attributes}


# -- content and secrets --------------------------------------------------------------


async def test_content_and_keys_are_in_no_span_and_no_metric(emulator, seen, connect):
    llm = seen.monitored(connect(api_key=KEY))
    emulator.script(Reply(text=SECRET), faults.invalid_api_key(), Reply(text=SECRET))
    await llm.generate(SECRET, system_message=SECRET, extra_headers={"X-Key": SECRET})
    with pytest.raises(LLMAuthenticationError):
        await llm.generate(SECRET, metadata={"user_id": SECRET})
    await async_drained(llm.stream(SECRET))
    told = " ".join(span.to_json() for span in seen.spans) + json.dumps(seen.metrics)
    assert len(seen.spans) == 3
    assert SECRET not in told
    assert KEY not in told


async def test_content_is_there_for_who_asks_for_it(emulator, seen, connect):
    llm = seen.monitored(connect(), capture_content=True)
    emulator.script(Reply(text="Hello"))
    await llm.generate("Hi", system_message="Be brief.")
    attributes = seen.span.attributes
    assert json.loads(attributes["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "Hi"}]}
    ]
    assert json.loads(attributes["gen_ai.system_instructions"]) == [
        {"type": "text", "content": "Be brief."}
    ]
    (answer,) = json.loads(attributes["gen_ai.output.messages"])
    assert {"type": "text", "content": "Hello"} in answer["parts"]
    assert (answer["role"], answer["finish_reason"]) == ("assistant", "stop")


async def test_content_of_vectors_is_left_out(seen):
    await seen.monitored(AsyncMockLLMService(), capture_content=True).embed(SECRET)
    assert SECRET not in seen.span.to_json()


@pytest.mark.parametrize(
    ("said", "argument", "captured"),
    [
        ("true", None, True),
        ("SPAN_ONLY", None, True),
        ("event_only", None, False),
        ("", None, False),
        ("true", False, False),
        ("false", True, True),
    ],
)
async def test_environment_may_ask_for_content(
    seen, monkeypatch, said, argument, captured
):
    monkeypatch.setenv(names.CAPTURE, said)
    llm = seen.monitored(AsyncMockLLMService(), capture_content=argument)
    await llm.generate("Hi")
    assert ("gen_ai.input.messages" in seen.span.attributes) is captured


# -- caches ---------------------------------------------------------------------------


async def test_hit_is_a_span_that_used_nothing(seen, connect):
    llm = seen.monitored(AsyncCachingLLMService(connect(), MemoryCache()))
    await llm.generate("Hi")
    await llm.generate("Hi")
    miss, hit = (dict(span.attributes) for span in seen.spans)
    assert hit["llm_adapter.cached"] is True
    assert "llm_adapter.cached" not in miss
    assert "gen_ai.usage.output_tokens" not in hit
    assert seen.point("gen_ai.client.operation.duration")["count"] == 1
    assert seen.point("llm_adapter.client.cache_hits")["value"] == 1


# -- metrics --------------------------------------------------------------------------


async def test_metrics_have_the_released_names(emulator, seen, llm):
    emulator.script(Reply(text="one two three four five"))
    with usage_context(workflow="ranking"):
        _, response = await async_drained(llm.stream("Hi"))
    labels = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "groq",
        "gen_ai.request.model": MODEL,
        "gen_ai.workflow.name": "ranking",
        "server.address": "127.0.0.1",
        "server.port": urlsplit(emulator.base_url("groq")).port,
    }
    answered = {**labels, "gen_ai.response.model": response.model}
    assert set(seen.metrics) == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.operation.time_per_output_chunk",
        "gen_ai.client.token.usage",
    }
    duration = seen.point("gen_ai.client.operation.duration")
    assert (duration["count"], duration["attributes"]) == (1, answered)
    assert duration["explicit_bounds"] == list(names.SECONDS)
    chunk = seen.point("gen_ai.client.operation.time_per_output_chunk")
    assert chunk["attributes"] == labels
    tokens = seen.metrics["gen_ai.client.token.usage"]
    sums = {each["attributes"]["gen_ai.token.type"]: each["sum"] for each in tokens}
    assert sums == {
        "input": response.usage.input_tokens,
        "output": response.usage.output_tokens,
    }
    assert tokens[0]["explicit_bounds"] == list(names.TOKENS)


async def test_metrics_have_the_latest_names_for_who_asks_for_them(
    emulator, seen, connect, monkeypatch
):
    monkeypatch.setenv(names.OPT_IN, "http,gen_ai_latest_experimental")
    llm = seen.monitored(connect())
    await async_drained(llm.stream("Hi", reasoning_effort="low"))
    await seen.monitored(AsyncMockLLMService()).embed("sea")
    assert {
        "gen_ai.client.inference.duration",
        "gen_ai.client.inference.time_to_first_chunk",
        "gen_ai.client.inference.operation.input_tokens",
        "gen_ai.client.inference.operation.output_tokens",
        "gen_ai.client.inference.usage.input_tokens",
        "gen_ai.client.inference.usage.output_tokens",
    } < set(seen.metrics)
    assert "gen_ai.client.token.usage" not in seen.metrics
    (vectors,) = seen.metrics["gen_ai.client.operation.duration"]
    assert vectors["attributes"]["gen_ai.operation.name"] == "embeddings"
    assert seen.spans[0].attributes["gen_ai.request.reasoning.level"] == "low"


async def test_failures_are_told_apart_by_the_duration_alone(emulator, seen, llm):
    emulator.script(faults.invalid_api_key())
    with pytest.raises(LLMAuthenticationError):
        await llm.generate("Hi")
    await llm.generate("Hi")
    points = seen.metrics["gen_ai.client.operation.duration"]
    kinds = {each["attributes"].get("error.type"): each["count"] for each in points}
    assert kinds == {"LLMAuthenticationError": 1, None: 1}
    for point in seen.metrics["gen_ai.client.token.usage"]:
        assert "error.type" not in point["attributes"]


async def test_models_of_users_do_not_fill_the_memory(seen, monkeypatch):
    monkeypatch.setattr("llm_adapter._monitoring.MOST_ROWS", 3)
    llm = seen.monitored(AsyncMockLLMService())
    for number in range(6):
        await llm.generate("Hi", model=f"m{number}")
    points = seen.metrics["gen_ai.client.operation.duration"]
    models = {
        each["attributes"]["gen_ai.request.model"]: each["count"] for each in points
    }
    assert models == {"m0": 1, "m1": 1, "m2": 1, "other": 3}
    (other,) = (
        each["attributes"]
        for each in points
        if each["attributes"]["gen_ai.request.model"] == "other"
    )
    assert "gen_ai.response.model" not in other
    assert {span.name for span in seen.spans} == {f"chat m{n}" for n in range(6)}


async def test_prometheus_reads_them_through_its_exporter(connect):
    meters = MeterProvider([PrometheusMetricReader()])
    llm = AsyncMonitoringLLMService(connect(), meter_provider=meters)
    await llm.generate("Hi")
    page = scraped()
    meters.shutdown()
    (line,) = [
        line
        for line in page.splitlines()
        if line.startswith("gen_ai_client_operation_duration_seconds_count")
    ]
    assert f'gen_ai_request_model="{MODEL}"' in line
    assert line.endswith(" 1.0")


# -- whether at all -------------------------------------------------------------------


async def test_nothing_is_traced_where_that_is_not_wanted(seen):
    llm = AsyncMonitoringLLMService(AsyncMockLLMService(), telemetry=False)
    await llm.generate("Hi")
    assert llm.snapshot().total.calls == 1
    with pytest.raises(ValueError, match="telemetry is False"):
        seen.monitored(AsyncMockLLMService(), telemetry=False)


async def test_spans_that_are_not_sampled_are_measured_all_the_same(seen, connect):
    seen.tracers.sampler = ALWAYS_OFF
    await seen.monitored(connect()).generate("Hi")
    assert seen.spans == []
    assert seen.point("gen_ai.client.operation.duration")["count"] == 1


async def test_exporter_that_fails_fails_no_call(seen, caplog):
    class Broken(SpanProcessor):
        def on_start(self, span, parent_context=None):
            raise OSError("no disk")

    seen.tracers.add_span_processor(Broken())
    llm = seen.monitored(AsyncMockLLMService({"Hi": "Hello"}))
    assert (await llm.generate("Hi")).text == "Hello"
    assert (await async_drained(llm.stream("Hi")))[1].text == "Hello"
    assert llm.snapshot().total.succeeded == 2
    assert caplog.text.count("Monitoring could not note") == 1


async def test_content_that_cannot_be_told_fails_no_call(seen, caplog):
    """Half of a surrogate pair has no place in JSON."""
    llm = seen.monitored(AsyncMockLLMService({"Hi": "\ud83d"}), capture_content=True)
    assert (await llm.generate("Hi")).text == "\ud83d"
    assert seen.span.attributes["gen_ai.request.model"] == "mock-model"
    assert seen.point("gen_ai.client.operation.duration")["count"] == 1
    assert caplog.text.count("Monitoring could not note") == 1


async def test_service_that_does_not_say_where_it_is_fails_no_call(seen, caplog):
    class AsyncLost(AsyncMockLLMService):
        async def identify(self, request):
            raise OSError("lost")

    llm = seen.monitored(AsyncLost())
    await llm.generate("Hi")
    await llm.generate("Hi")
    assert "server.address" not in seen.spans[0].attributes
    assert caplog.text.count("Monitoring could not note") == 1


async def test_global_providers_are_used_where_none_is_given():
    """They do nothing in a program that has not set them."""
    llm = AsyncMonitoringLLMService(AsyncMockLLMService(), telemetry=True)
    assert isinstance(await llm.generate("Hi"), LLMResponse)


async def test_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(LLMConfigurationError, match="pip install"):
        AsyncMonitoringLLMService(AsyncMockLLMService(), telemetry=True)
