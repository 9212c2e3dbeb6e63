"""OpenAI, as of 2026-11-22. Source: https://platform.openai.com/docs.

Which model takes what: reference/wire-protocols.md 1.3 and 1.5; prices: section 12.
"""

from __future__ import annotations

from .._wire.openai_chat import ChatDialect
from .._wire.openai_chat_quirks import ChatQuirks
from .._wire.openai_responses import ResponsesDialect
from .._wire.traits import PLAIN, Traits
from ..models import Audio, Document, Image
from ._provider import EmbeddingApi, Model, Price, Provider, price

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


def _large(id_: str, cost: Price | None) -> Model:
    return Model(id=id_, context_window=1_050_000, max_output=128_000, price=cost)


def _tiered(
    prices: tuple[str, str, str | None, str | None], above: tuple[str, str]
) -> Price:
    return price(*prices, threshold=272_000, above=price(*above))


def _retired(id_: str, date: str, replacement: str, cost: Price) -> Model:
    return Model(id=id_, retired=date, replacement=replacement, price=cost)


_GPT_4 = price("30", "60")
_GPT_4_TURBO = price("10", "30")
_GPT_35 = price("0.5", "1.5")

_MODELS = (
    _large("gpt-6.1-sol", _tiered(("2", "10", "0.1", "2.5"), ("4", "15"))),
    _large("gpt-6-luna", _tiered(("0.1", "0.5", "0.01", "0.125"), ("0.2", "0.75"))),
    _large("gpt-6.2-astra", None),
    _large("gpt-6.2-sol", None),
    _large("gpt-6.1-terra", _tiered(("1", "5", "0.05", "1.25"), ("2", "7.5"))),
    _large("gpt-6-astra", _tiered(("10", "50", "1", "12.5"), ("20", "75"))),
    _large("gpt-6-sol", _tiered(("2", "10", "0.2", "2.5"), ("4", "15"))),
    _large("gpt-5.6-sol", _tiered(("4", "20", "0.4", "5"), ("8", "30"))),
    _large("gpt-5.6-terra", _tiered(("2", "12", "0.2", "2.5"), ("4", "18"))),
    _large("gpt-5.6-luna", _tiered(("0.2", "1.2", "0.02", "0.25"), ("0.4", "1.8"))),
    _large("gpt-5.5", _tiered(("5", "30", "0.5", None), ("10", "45"))),
    _large("gpt-5.4", _tiered(("2.5", "15", "0.25", None), ("5", "22.5"))),
    _large("gpt-5.4-mini", price("0.75", "4.5", "0.075")),
    _large("gpt-5.4-nano", price("0.2", "1.25", "0.02")),
    Model(id="gpt-5.2"),
    Model(id="gpt-5.1"),
    # Offered until 2027-01-14.
    Model(id="gpt-4.1", context_window=1_047_576, price=price("2", "8", "0.5")),
    Model(
        id="gpt-4.1-mini", context_window=1_047_576, price=price("0.4", "1.6", "0.1")
    ),
    Model(
        id="gpt-4.1-nano", context_window=1_047_576, price=price("0.1", "0.4", "0.025")
    ),
    Model(id="gpt-4o", context_window=128_000, price=price("2.5", "10", "1.25")),
    Model(id="gpt-4o-2024-05-13", context_window=128_000, price=price("5", "15")),
    Model(
        id="gpt-4o-mini", context_window=128_000, price=price("0.15", "0.6", "0.075")
    ),
    # Offered until 2026-12-11.
    Model(id="gpt-5", context_window=400_000, price=price("1.25", "10", "0.125")),
    Model(id="gpt-5-mini", context_window=400_000, price=price("0.25", "2", "0.025")),
    Model(id="gpt-5-nano", context_window=400_000, price=price("0.05", "0.4", "0.005")),
    Model(id="o3", context_window=200_000),
    Model(id="text-embedding-3-small", price=price("0.02", "0")),
    Model(id="text-embedding-3-large", price=price("0.13", "0")),
    Model(id="text-embedding-ada-002", price=price("0.1", "0")),
    _retired("gpt-4", "2026-10-23", "gpt-6.1-sol", _GPT_4),
    _retired("gpt-4-turbo", "2026-10-23", "gpt-6.1-sol", _GPT_4_TURBO),
    _retired("gpt-3.5-turbo", "2026-10-23", "gpt-6-luna", _GPT_35),
    _retired("gpt-3.5-turbo-1106", "2026-09-28", "gpt-6-luna", _GPT_35),
    _retired("gpt-4-turbo-preview", "2026-03-26", "gpt-6.1-sol", _GPT_4_TURBO),
    _retired("gpt-3.5-turbo-16k", "2024-09-13", "gpt-6-luna", _GPT_35),
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
