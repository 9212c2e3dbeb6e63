"""What OpenTelemetry is told, without OpenTelemetry: names and content."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics

from llm_adapter import (
    Audio,
    Document,
    Image,
    LLMRequest,
    LLMResponse,
    Message,
    Text,
    Tool,
    ToolCall,
)
from llm_adapter._telemetry import _names as names
from llm_adapter._telemetry._content import answer_content, request_content
from llm_adapter.providers import PROVIDERS

CALL = ToolCall("c1", "weather", {"city": "Bern"}, '{"city": "Bern"}')


def decoded(content):
    return {name: json.loads(value) for name, value in content.items()}


def turns(request):
    return decoded(request_content(request))["gen_ai.input.messages"]


# -- content --------------------------------------------------------------------------


def test_conversation_stands_before_the_prompt():
    request = LLMRequest("And now?", messages=[Message("user", "Hi")])
    assert [(each["role"], each["parts"]) for each in turns(request)] == [
        ("user", [{"type": "text", "content": "Hi"}]),
        ("user", [{"type": "text", "content": "And now?"}]),
    ]


def test_calls_of_tools_and_their_results_are_parts():
    request = LLMRequest(
        messages=[
            Message("assistant", tool_calls=[CALL], reasoning="Hm."),
            Message("tool", "Sunny", tool_call_id="c1"),
            Message("tool", [Text("Wet")], tool_call_id="c2"),
        ]
    )
    asked, *results = turns(request)
    assert asked["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {
            "type": "tool_call",
            "id": "c1",
            "name": "weather",
            "arguments": {"city": "Bern"},
        },
    ]
    assert [each["parts"] for each in results] == [
        [{"type": "tool_call_response", "id": "c1", "response": "Sunny"}],
        [
            {
                "type": "tool_call_response",
                "id": "c2",
                "response": [{"type": "text", "content": "Wet"}],
            }
        ],
    ]


def test_arguments_that_are_no_json_are_told_as_they_came():
    broken = ToolCall("c1", "weather", raw_arguments='{"city', invalid=True)
    content = decoded(answer_content(LLMResponse(tool_calls=(broken,)), "tool_calls"))
    (turn,) = content["gen_ai.output.messages"]
    assert turn["finish_reason"] == "tool_calls"
    assert turn["parts"][0]["arguments"] == '{"city'


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            Image("https://example.org/a.png"),
            {"type": "uri", "modality": "image", "uri": "https://example.org/a.png"},
        ),
        (
            Audio(data=b"abc", media_type="audio/wav"),
            {
                "type": "blob",
                "modality": "audio",
                "mime_type": "audio/wav",
                "content": "YWJj",
            },
        ),
        (
            Document(data=b"abc", media_type="application/pdf"),
            {
                "type": "blob",
                "modality": "document",
                "mime_type": "application/pdf",
                "content": "YWJj",
            },
        ),
    ],
    ids=["image", "audio", "document"],
)
def test_parts_that_are_no_text_say_what_they_are(part, expected):
    (turn,) = turns(LLMRequest(["Look:", part]))
    assert turn["parts"] == [{"type": "text", "content": "Look:"}, expected]


def test_tools_are_told_with_their_parameters():
    tool = Tool("weather", "Of a city.", {"type": "object"})
    content = decoded(request_content(LLMRequest("Hi", tools=[tool])))
    assert content["gen_ai.tool.definitions"] == [
        {
            "type": "function",
            "name": "weather",
            "description": "Of a city.",
            "parameters": {"type": "object"},
        }
    ]


# -- names ----------------------------------------------------------------------------


def test_providers_with_another_name_are_ours():
    assert set(names.PROVIDERS) <= set(PROVIDERS)


@pytest.mark.parametrize("said", ["", "http", "gen_ai_latest", "GEN_AI"])
def test_released_names_are_the_default(said):
    assert names.names_wanted({names.OPT_IN: said}) is names.RELEASED
    assert names.names_wanted({}) is names.RELEASED


@pytest.mark.skipif(
    not hasattr(gen_ai_attributes, "GEN_AI_WORKFLOW_NAME"),
    reason="the lowest OpenTelemetry that we support has the names of its time",
)
def test_released_names_are_those_of_the_released_package():
    packaged = [*vars(gen_ai_attributes).values(), *vars(gen_ai_metrics).values()]
    known = {value for value in packaged if isinstance(value, str)}
    released = names.RELEASED
    metrics = {
        *(released.duration, released.embedding_duration, released.tokens),
        *(released.first_chunk, released.output_chunk),
    }
    attributes = {
        value
        for value in [
            *vars(names).values(),
            *names.REQUEST.values(),
            *names.EXTRA.values(),
            *released.usage.values(),
        ]
        if isinstance(value, str) and value.startswith("gen_ai.")
    }
    assert (metrics | attributes) - known == set()


# -- whether at all -------------------------------------------------------------------

WITHOUT = """
import sys
from llm_adapter import MockLLMService, MonitoringLLMService

MonitoringLLMService(MockLLMService()).generate("Hi")
assert not any(name.startswith("opentelemetry") for name in sys.modules)
"""

WITH = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from llm_adapter import MockLLMService, MonitoringLLMService

llm = MonitoringLLMService(MockLLMService())
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)  # may come later
llm.generate("Hi")
assert [span.name for span in exporter.get_finished_spans()] == ["chat mock-model"]
"""


@pytest.mark.parametrize("program", [WITHOUT, WITH], ids=["without", "with"])
def test_programs_that_use_opentelemetry_are_traced_and_others_do_not_load_it(program):
    subprocess.run([sys.executable, "-c", program], check=True)
