"""The names of OpenTelemetry's GenAI conventions, which are still in motion.

`RELEASED` are those of its packages (schema 1.44), `LATEST` those of the repository
semantic-conventions-genai in autumn 2026 (wire-protocols.md, section 13).
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
LATEST_WANTED = "gen_ai_latest_experimental"
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
CAPTURE_WANTED = ("true", "1", "span_only", "span_and_event")

SECONDS = (
    *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64),
    *(1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
)
TOKENS = (
    *(1, 4, 16, 64, 256, 1024, 4096, 16384, 65536),
    *(262144, 1048576, 4194304, 16777216, 67108864),
)
"""Boundaries of buckets."""

# -- attributes -----------------------------------------------------------------------

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
MODEL = "gen_ai.request.model"
STREAM = "gen_ai.request.stream"
DIMENSIONS = "gen_ai.embeddings.dimension.count"
OUTPUT_TYPE = "gen_ai.output.type"
CONVERSATION = "gen_ai.conversation.id"
WORKFLOW = "gen_ai.workflow.name"
SERVER = "server.address"
PORT = "server.port"
ERROR = "error.type"
STATUS_CODE = "http.response.status_code"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
TOKEN_TYPE = "gen_ai.token.type"

REQUEST = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_tokens": "gen_ai.request.max_tokens",
    "seed": "gen_ai.request.seed",
    "stop_sequences": "gen_ai.request.stop_sequences",
}
"""By the fields of LLMRequest."""

EXTRA = {
    "top_k": "gen_ai.request.top_k",
    "n": "gen_ai.request.choice.count",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
}
"""By what providers call it in `extra_body`."""

INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
SYSTEM = "gen_ai.system_instructions"
TOOLS = "gen_ai.tool.definitions"

# -- ours, where the conventions have none --------------------------------------------

CACHED = "llm_adapter.cached"
OUTCOME = "llm_adapter.outcome"
RETRIES = "llm_adapter.retries"
ATTEMPT = "llm_adapter.attempt"
RETRY_EVENT = "llm_adapter.retry"
RETRY_METRIC = "llm_adapter.client.retries"
CACHE_METRIC = "llm_adapter.client.cache_hits"

PROVIDERS = {
    "azure": "azure.ai.openai",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
"""Where the conventions have another name than we; the others are the same."""

# -- what differs ---------------------------------------------------------------------


@frozen(kw_only=True)
class Names:
    """One generation of the conventions.

    Args:
        usage: attributes of a span, by the fields of Usage.
        reasoning_level: attribute of a span.
        duration: histogram of the seconds of answers.
        embedding_duration: of vectors.
        first_chunk: histogram of the seconds until a stream begins.
        output_chunk: of those between its pieces.
        tokens: one histogram for fields of Usage, and the type of each.
        token_histograms: one for each field.
        token_counters: likewise.
    """

    usage: Mapping[str, str]
    reasoning_level: str | None = None
    duration: str
    embedding_duration: str = "gen_ai.client.operation.duration"
    first_chunk: str
    output_chunk: str
    tokens: str | None = None
    token_types: Mapping[str, str] = field(factory=dict)
    token_histograms: Mapping[str, str] = field(factory=dict)
    token_counters: Mapping[str, str] = field(factory=dict)


_USAGE = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cached_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
}

RELEASED = Names(
    usage={**_USAGE, "cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens"},
    duration="gen_ai.client.operation.duration",
    first_chunk="gen_ai.client.operation.time_to_first_chunk",
    output_chunk="gen_ai.client.operation.time_per_output_chunk",
    tokens="gen_ai.client.token.usage",
    token_types={"input_tokens": "input", "output_tokens": "output"},
)

LATEST = Names(
    usage={**_USAGE, "cache_write_tokens": "gen_ai.usage.cache_write.input_tokens"},
    reasoning_level="gen_ai.request.reasoning.level",
    duration="gen_ai.client.inference.duration",
    first_chunk="gen_ai.client.inference.time_to_first_chunk",
    output_chunk="gen_ai.client.inference.time_per_output_chunk",
    token_histograms={
        "input_tokens": "gen_ai.client.inference.operation.input_tokens",
        "output_tokens": "gen_ai.client.inference.operation.output_tokens",
    },
    token_counters={
        "input_tokens": "gen_ai.client.inference.usage.input_tokens",
        "output_tokens": "gen_ai.client.inference.usage.output_tokens",
        "cached_input_tokens": "gen_ai.client.inference.usage.cache_read.input_tokens",
        "cache_write_tokens": "gen_ai.client.inference.usage.cache_write.input_tokens",
        "reasoning_tokens": "gen_ai.client.inference.usage.reasoning.output_tokens",
    },
)


def names_wanted(environ: Mapping[str, str]) -> Names:
    """The generation that a program's environment asks for.

    >>> names_wanted({OPT_IN: "http, gen_ai_latest_experimental"}) is LATEST
    True
    """
    wanted = [word.strip() for word in environ.get(OPT_IN, "").split(",")]
    return LATEST if LATEST_WANTED in wanted else RELEASED


def content_wanted(environ: Mapping[str, str]) -> bool:
    """Whether a program's environment asks for prompts and answers in spans.

    >>> content_wanted({CAPTURE: "True"}), content_wanted({CAPTURE: "event_only"})
    (True, False)
    """
    return environ.get(CAPTURE, "").strip().lower() in CAPTURE_WANTED
