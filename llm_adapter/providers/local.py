"""Servers of one's own: Ollama, llama.cpp, vLLM, LM Studio, anything compatible.

Source: reference/wire-protocols.md 5.
"""

from __future__ import annotations

from .._wire.openai_chat import ChatDialect
from .._wire.openai_chat_quirks import ChatQuirks
from .._wire.openai_responses import ResponsesDialect
from ..models import Audio, Document, Image
from ._provider import EmbeddingApi, Provider

LOCAL = Provider(
    name="local",
    base_url="http://localhost:11434/v1",
    base_path="/v1",
    key_variable="LOCAL_LLM_API_KEY",
    url_variable="LOCAL_LLM_BASE_URL",
    key_required=False,
    model_from_server=True,
    dialects=(
        ChatDialect(
            ChatQuirks(
                max_tokens_field="max_tokens",  # Ollama ignores the newer name
                ends_with_done=False,  # a finish reason is as good
                think_tags=True,
            )
        ),
        ResponsesDialect(),
    ),
    parts=(Image, Audio, Document),
    embeddings=EmbeddingApi(),
    # llama.cpp's own; other servers answer 404.
    token_count={
        "chat": "/chat/completions/input_tokens",
        "responses": "/responses/input_tokens",
    },
)
