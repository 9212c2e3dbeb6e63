"""OpenAI, as of 2026-11-22. Source: https://platform.openai.com/docs.

Which model takes what: reference/wire-protocols.md 1.3 and 1.5; prices: section 12.
"""

from __future__ import annotations

from .._wire.openai_chat import ChatDialect
from .._wire.openai_chat_quirks import ChatQuirks
from .._wire.openai_responses import ResponsesDialect
from .._wire.traits import PLAIN, Traits
from ..models import Audio, Document, Image
from ._provider import EmbeddingApi, Model, Provider

_TO_HIGH = ("low", "medium", "high")

_FAMILIES = (
    (r"(ft:)?(gpt-4o|gpt-4o-mini)-search", Traits(sampling="no")),
    (r"(ft:)?(gpt-3\.5|gpt-4|chatgpt-4o|gpt-5-chat)", PLAIN),
    (
        r"o\d.*(-pro|-deep-research)|gpt-5(\.\d)?-pro",
        Traits(reasons="always", sampling="no", api="responses", chat="no"),
    ),
    (
        r"(ft:)?(o3|o4-mini)",
        Traits(
            reasons="always",
            efforts=_TO_HIGH,
            sampling="no",
            lacks=frozenset({"stop_sequences"}),
        ),
    ),
    (r"(ft:)?o1", Traits(reasons="always", efforts=_TO_HIGH, sampling="no")),
    (r"gpt-5\.3-codex", Traits(sampling="unless_reasoning", api="responses")),
    (
        r"gpt-5(\.\d)?-codex|codex-",
        Traits(reasons="always", sampling="no", api="responses"),
    ),
    (
        r"gpt-5(-mini|-nano)?(-\d|\Z)",
        Traits(reasons="always", efforts=("minimal", *_TO_HIGH), sampling="no"),
    ),
    (r"gpt-5\.[1-4]-chat", Traits(reasons="always", sampling="no")),
    (r"gpt-5\.[1-4]", Traits(sampling="unless_reasoning")),
    (
        r"gpt-5\.[56]",
        Traits(reasons="yes", sampling="unless_reasoning", tools_api="responses"),
    ),
    (
        r"gpt-6(-astra|\.1-sol)",
        Traits(reasons="always", sampling="no", api="responses", chat="without_tools"),
    ),
    (r"gpt-6\.[12]", Traits(reasons="always", sampling="no", api="responses")),
    (
        r"gpt-6-(sol|luna)",
        Traits(
            reasons="yes",
            sampling="unless_reasoning",
            tools_api="responses",
            chat="tools_unless_reasoning",
        ),
    ),
    # What is newer than this list reasons, and takes no value that nobody asked for.
    (r"", Traits(reasons="yes", sampling="no", tools_api="responses")),
)


def _large(id_: str) -> Model:
    return Model(id=id_, context_window=1_050_000, max_output=128_000)


def _retired(id_: str, date: str, replacement: str) -> Model:
    return Model(id=id_, retired=date, replacement=replacement)


_MODELS = (
    _large("gpt-6.1-sol"),
    _large("gpt-6-luna"),
    _large("gpt-6.2-astra"),
    _large("gpt-6.2-sol"),
    _large("gpt-6.1-terra"),
    _large("gpt-6-astra"),
    _large("gpt-6-sol"),
    _large("gpt-5.6-sol"),
    _large("gpt-5.6-terra"),
    _large("gpt-5.6-luna"),
    _large("gpt-5.5"),
    _large("gpt-5.4"),
    _large("gpt-5.4-mini"),
    _large("gpt-5.4-nano"),
    Model(id="gpt-5.2"),
    Model(id="gpt-5.1"),
    # Offered until 2027-01-14.
    Model(id="gpt-4.1", context_window=1_047_576),
    Model(id="gpt-4.1-mini", context_window=1_047_576),
    Model(id="gpt-4.1-nano", context_window=1_047_576),
    Model(id="gpt-4o", context_window=128_000),
    Model(id="gpt-4o-2024-05-13", context_window=128_000),
    Model(id="gpt-4o-mini", context_window=128_000),
    # Offered until 2026-12-11.
    Model(id="gpt-5", context_window=400_000),
    Model(id="gpt-5-mini", context_window=400_000),
    Model(id="gpt-5-nano", context_window=400_000),
    Model(id="o3", context_window=200_000),
    Model(id="text-embedding-3-small"),
    Model(id="text-embedding-3-large"),
    Model(id="text-embedding-ada-002"),
    _retired("gpt-4", "2026-10-23", "gpt-6.1-sol"),
    _retired("gpt-4-turbo", "2026-10-23", "gpt-6.1-sol"),
    _retired("gpt-3.5-turbo", "2026-10-23", "gpt-6-luna"),
    _retired("gpt-3.5-turbo-1106", "2026-09-28", "gpt-6-luna"),
    _retired("gpt-4-turbo-preview", "2026-03-26", "gpt-6.1-sol"),
    _retired("gpt-3.5-turbo-16k", "2024-09-13", "gpt-6-luna"),
)

OPENAI = Provider(
    name="openai",
    base_url="https://api.openai.com/v1",
    base_path="/v1",
    key_variable="OPENAI_API_KEY",
    url_variable="OPENAI_BASE_URL",
    header_variables={
        "OpenAI-Organization": "OPENAI_ORG_ID",
        "OpenAI-Project": "OPENAI_PROJECT_ID",
    },
    default_model="gpt-6.1-sol",
    families=_FAMILIES,
    models=_MODELS,
    dialects=(
        ChatDialect(ChatQuirks(result_parts=False, strict_types=True)),
        ResponsesDialect(),
    ),
    switches_api=True,
    parts=(Image, Document, Audio),
    max_stop_sequences=4,
    embeddings=EmbeddingApi(model="text-embedding-3-small", encoding="base64"),
    token_count={"responses": "/responses/input_tokens"},
)
