"""Hosts of other people's models that speak Chat Completions, as of 2026-11-24.

Behind every provider: where its facts come from. What a host offers changes in weeks.
"""

from __future__ import annotations

from .._wire.openai_chat import ChatDialect
from .._wire.openai_chat_quirks import ChatQuirks
from .._wire.traits import Traits
from ..models import Audio, Document, Image
from ._provider import EmbeddingApi, Model, Provider

_TO_HIGH = ("low", "medium", "high")
_GPT_OSS = Traits(reasons="always", efforts=_TO_HIGH)

# What is newer than these lists reasons: no cap that nobody asked for is spent on it.
_NEWER = ("", Traits(reasons="yes"))

# Its SDK together 3.1.1, https://docs.together.ai. The catalogue turns over in weeks.
TOGETHER = Provider(
    name="together",
    base_url="https://api.together.xyz/v1",
    base_path="/v1",
    appends_path="variable",  # its own SDK reads the variable without the path
    key_variable="TOGETHER_API_KEY",
    url_variable="TOGETHER_BASE_URL",
    default_model="openai/gpt-oss-120b",
    families=(
        ("openai/gpt-oss", _GPT_OSS),
        ("deepseek-ai/DeepSeek-V4", Traits(reasons="yes", forced_tools="no")),
        _NEWER,
    ),
    models=(
        Model(
            id="openai/gpt-oss-120b",
            context_window=131_072,
        ),
        Model(id="zai-org/GLM-5.3-Flash", context_window=1_048_575),
        Model(
            id="deepseek-ai/DeepSeek-V4.1-Flash-1017",
            context_window=1_048_576,
        ),
        Model(id="BAAI/bge-base-en-v1.5", context_window=512),
    ),
    dialects=(
        ChatDialect(
            ChatQuirks(
                max_tokens_field="max_tokens",
                off="enabled",
                sends_reasoning="reasoning_content",
                think_tags=True,
            )
        ),
    ),
    parts=(Image,),
    embeddings=EmbeddingApi(model="BAAI/bge-base-en-v1.5", dimensions=False),
)

# Its SDK fireworks-ai 1.2.30, https://docs.fireworks.ai. It lowers a cap that does not
# fit the window, as every model would be cut there.
FIREWORKS = Provider(
    name="fireworks",
    base_url="https://api.fireworks.ai/inference/v1",
    base_path="/inference/v1",
    appends_path="variable",  # its own SDK reads the variable without the path
    key_variable="FIREWORKS_API_KEY",
    url_variable="FIREWORKS_BASE_URL",
    default_model="accounts/fireworks/models/deepseek-v4p1-flash",
    families=((".*gpt-oss", _GPT_OSS), _NEWER),
    models=(
        Model(
            id="accounts/fireworks/models/deepseek-v4p1-flash",
            context_window=1_048_576,
            max_output=393_216,
        ),
        Model(id="accounts/fireworks/models/qwen3-embedding-8b", context_window=40_960),
    ),
    dialects=(
        ChatDialect(
            ChatQuirks(
                max_tokens_field="max_tokens",
                sends_reasoning="reasoning_content",
                think_tags=True,
            )
        ),
    ),
    parts=(Image,),
    max_stop_sequences=4,
    embeddings=EmbeddingApi(model="accounts/fireworks/models/qwen3-embedding-8b"),
)

# Its SDK openrouter 1.3.84, https://openrouter.ai/docs. What a route does not know is
# dropped there, unless the request forbids it: then every value counts, so none is
# sent that nobody asked for. What an answer costs depends on the route.
OPENROUTER = Provider(
    name="openrouter",
    base_url="https://openrouter.ai/api/v1",
    base_path="/api/v1",
    key_variable="OPENROUTER_API_KEY",
    header_variables={
        "HTTP-Referer": "OPENROUTER_APP_URL",
        "X-Title": "OPENROUTER_APP_TITLE",
    },
    default_model="openai/gpt-6-luna",
    families=(("", Traits(reasons="yes", sampling="no")),),
    models=(
        Model(id="openai/gpt-6-luna", context_window=1_050_000),
        Model(id="openai/gpt-oss-120b", context_window=131_072),
        Model(id="openrouter/auto"),
        Model(id="openai/text-embedding-3-small"),
    ),
    dialects=(
        ChatDialect(
            ChatQuirks(
                max_tokens_field="max_tokens",
                effort="object",
                documents_by_address=True,
                usage_on_request=False,
                sends_reasoning="reasoning",
                keeps=frozenset({"reasoning_details"}),
                requires_parameters=True,
            )
        ),
    ),
    parts=(Image, Document, Audio),
    embeddings=EmbeddingApi(model="openai/text-embedding-3-small"),
)

# Its SDK cerebras-cloud-sdk 1.91.0, https://inference-docs.cerebras.ai; unknown fields
# are refused, reasoning_content in a message among them.
CEREBRAS = Provider(
    name="cerebras",
    base_url="https://api.cerebras.ai/v1",
    base_path="/v1",
    appends_path="variable",  # its own SDK reads the variable without the path
    key_variable="CEREBRAS_API_KEY",
    url_variable="CEREBRAS_BASE_URL",
    default_model="gpt-oss-120b",
    families=(
        ("gpt-oss", _GPT_OSS),
        (r"qwen-3\.8", Traits(reasons="yes", efforts=("none", *_TO_HIGH))),
        (
            r"kimi-k3|zai-glm-5\.3",
            Traits(reasons="always", efforts=("low", "high", "max")),
        ),
        _NEWER,
    ),
    models=(
        Model(
            id="gpt-oss-120b",
            context_window=131_072,
            max_output=32_768,
        ),
        Model(id="qwen-3.8-27b", context_window=65_536),
    ),
    dialects=(
        ChatDialect(
            ChatQuirks(result_parts=False, sends_reasoning="reasoning", think_tags=True)
        ),
    ),
    parts=(Image,),
    max_stop_sequences=4,
)

HOSTS = (TOGETHER, FIREWORKS, OPENROUTER, CEREBRAS)
