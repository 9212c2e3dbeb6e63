"""Groq, as of 2026-11-22. Source: https://console.groq.com/docs."""

from __future__ import annotations

from .._wire.openai_chat import ChatDialect
from .._wire.openai_chat_quirks import ChatQuirks
from .._wire.traits import Traits
from ..models import Image
from ._provider import EmbeddingApi, Model, Provider

_GPT_OSS = "openai/gpt-oss"
_EFFORTS = ("low", "medium", "high")


def _retired(name: str, date: str, replacement: str) -> Model:
    return Model(id=name, retired=date, replacement=replacement)


GROQ = Provider(
    name="groq",
    base_url="https://api.groq.com/openai/v1",
    base_path="/openai/v1",
    appends_path="variable",  # its own SDK reads the variable without the path
    key_variable="GROQ_API_KEY",
    url_variable="GROQ_BASE_URL",
    default_model="openai/gpt-oss-120b",
    families=(
        (_GPT_OSS, Traits(reasons="always", efforts=_EFFORTS)),
        ("qwen/qwen3", Traits(reasons="yes", efforts=("none", "default", *_EFFORTS))),
        ("groq/compound", Traits(reasons="always")),
    ),
    models=(
        Model(
            id="openai/gpt-oss-120b",
            context_window=131_072,
            max_output=65_536,
        ),
        Model(
            id="openai/gpt-oss-20b",
            context_window=131_072,
            max_output=65_536,
        ),
        Model(
            id="openai/gpt-oss-safeguard-20b",
            context_window=131_072,
            max_output=65_536,
        ),
        Model(
            id="qwen/qwen3.8-27b",
            context_window=131_072,
            max_output=16_384,
        ),
        Model(id="groq/compound", context_window=131_072),
        Model(id="groq/compound-mini", context_window=131_072),
        _retired(
            "llama-3.3-70b-versatile",
            "2026-08-16",
            "openai/gpt-oss-120b",
        ),
        _retired(
            "llama-3.1-8b-instant",
            "2026-08-16",
            "openai/gpt-oss-20b",
        ),
        _retired(
            "llama-3.1-70b-versatile",
            "2025-01",
            "openai/gpt-oss-120b",
        ),
        _retired(
            "mixtral-8x7b-32768",
            "2025-03",
            "openai/gpt-oss-20b",
        ),
    ),
    dialects=(
        # Usage comes under x_groq without asking. Reasoning stands in the text only
        # when that is asked for (reasoning_format raw).
        ChatDialect(ChatQuirks(usage_on_request=False, sends_reasoning="reasoning")),
    ),
    parts=(Image,),
    max_stop_sequences=4,
    # Whether an embedding model is offered changes: it has to be named.
    embeddings=EmbeddingApi(),
)
