"""Providers with the API of OpenAI's Chat Completions, as of 2026-11-24.

Where each differs is data here. Behind every provider: where its facts come from.
Prices that depend on the hour, the route or the number of requests are not given.
"""

from __future__ import annotations

from .._wire.openai_chat import ChatDialect
from .._wire.openai_chat_quirks import ChatQuirks
from .._wire.openai_responses import ResponsesDialect
from .._wire.traits import Traits
from ..models import Audio, Document, Image
from ._provider import EmbeddingApi, Model, Provider
from .compatible_hosts import HOSTS
from .openai import OPENAI

_TO_HIGH = ("low", "medium", "high")
_FROM_NONE = ("none", *_TO_HIGH)
_TO_XHIGH = (*_TO_HIGH, "xhigh")

# What is newer than these lists reasons: no cap that nobody asked for is spent on it.
_NEWER = ("", Traits(reasons="yes"))


def _retired(id_: str, date: str, replacement: str) -> Model:
    return Model(id=id_, retired=date, replacement=replacement)


# Its SDK mistralai 3.7.0, https://docs.mistral.ai; unknown fields are refused (422).
MISTRAL = Provider(
    name="mistral",
    base_url="https://api.mistral.ai/v1",
    base_path="/v1",
    key_variable="MISTRAL_API_KEY",
    default_model="mistral-medium-latest",
    families=(
        (r"mistral-(small|medium)-(latest|3-5)", Traits(efforts=("none", "high"))),
        (r"mistral-large-4|magistral", Traits(reasons="always")),
    ),
    models=(
        Model(
            id="mistral-medium-latest",
            context_window=262_144,
        ),
        Model(id="mistral-large-4", context_window=1_048_576),
        Model(id="mistral-small-latest", context_window=262_144),
        Model(id="mistral-embed", context_window=8_192),
    ),
    dialects=(
        ChatDialect(
            ChatQuirks(
                max_tokens_field="max_tokens",
                seed_field="random_seed",
                required="any",
                none_beside_tools=False,
                document_part="document_url",
                documents_by_address=True,
                short_call_ids=True,
                user_after_result=False,
                usage_on_request=False,
                keeps=frozenset({"thinking"}),
            )
        ),
    ),
    parts=(Image, Document),
    embeddings=EmbeddingApi(model="mistral-embed", dimensions=False),
)

# https://api-docs.deepseek.com/guides/thinking_mode. Efforts between these are taken
# and changed into them, other names of the cap are ignored without a word. Prices
# depend on the hour.
DEEPSEEK = Provider(
    name="deepseek",
    base_url="https://api.deepseek.com",
    base_path="",
    key_variable="DEEPSEEK_API_KEY",
    default_model="deepseek-flash",
    families=(
        (
            "",
            Traits(
                reasons="yes",
                efforts=("none", "low", "high", "max"),
                sampling="unless_reasoning",
                forced_tools="unless_reasoning",
            ),
        ),
    ),
    models=(
        Model(id="deepseek-flash", context_window=1_000_000, max_output=393_216),
        Model(id="deepseek-v4-pro", context_window=1_000_000),
        _retired("deepseek-chat", "2026-07-24", "deepseek-flash"),
        _retired("deepseek-reasoner", "2026-07-24", "deepseek-flash"),
    ),
    dialects=(
        ChatDialect(
            ChatQuirks(
                max_tokens_field="max_tokens",
                off="thinking",
                lacks=frozenset({"seed", "parallel_tool_calls"}),
                schemas=False,
                sends_reasoning="reasoning_content",
                needs_reasoning=True,
            )
        ),
    ),
    parts=(Image,),
)


# https://docs.x.ai/guides/reasoning; issues of its users for what it refuses. Tokens
# of reasoning are not counted in completion_tokens.
XAI = Provider(
    name="xai",
    base_url="https://api.x.ai/v1",
    base_path="/v1",
    key_variable="XAI_API_KEY",
    default_model="grok-4.6",
    families=(
        (r".*non-reasoning", Traits(efforts=())),
        (r"grok-4\.3", Traits(reasons="yes", efforts=_FROM_NONE)),
        (r"grok-4\.20", Traits(reasons="yes", efforts=())),
        (r"grok-(4\.[56]|latest)", Traits(reasons="always", efforts=_TO_HIGH)),
        (r"grok-4\.7", Traits(reasons="always", efforts=_TO_XHIGH)),
        _NEWER,
    ),
    models=(
        Model(id="grok-4.6", context_window=500_000),
        Model(id="grok-4.7", context_window=500_000),
        Model(id="grok-4.3", context_window=1_000_000),
    ),
    dialects=(ChatDialect(ChatQuirks(lacks=frozenset({"stop_sequences"}))),),
    parts=(Image,),
)

# https://docs.perplexity.ai and its SDK perplexityai 0.46.1. Every request has a price
# of its own. Vectors come as 8-bit integers, and there is no list of models.
PERPLEXITY = Provider(
    name="perplexity",
    base_url="https://api.perplexity.ai",
    base_path="",
    key_variable="PERPLEXITY_API_KEY",
    url_variable="PERPLEXITY_BASE_URL",
    default_model="sonar-pro",
    families=(
        (
            "sonar-deep-research",
            Traits(reasons="always", efforts=("minimal", *_TO_HIGH)),
        ),
        ("sonar-reasoning", Traits(reasons="always")),
    ),
    models=(
        Model(id="sonar-pro", context_window=200_000, max_output=8_000),
        Model(id="sonar", context_window=128_000),
        Model(id="sonar-reasoning-pro", context_window=128_000),
        Model(id="sonar-deep-research", context_window=128_000),
    ),
    dialects=(
        ChatDialect(
            ChatQuirks(
                max_tokens_field="max_tokens",
                lacks=frozenset(
                    {
                        *("seed", "stop_sequences"),
                        *("tools", "tool_choice", "parallel_tool_calls"),
                    }
                ),
                json_mode=False,
                alternates=True,
                usage_on_request=False,
                ends_with_done=False,
                think_tags=True,
                apart=("reasoning_tokens", "citation_tokens"),
            )
        ),
    ),
    parts=(Image,),
)

# https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle. A model is
# named by its deployment: a name that says nothing may be any model.
AZURE = Provider(
    name="azure",
    base_url="",
    base_path="/openai/v1",
    appends_path="variable",
    key_variable="AZURE_OPENAI_API_KEY",
    key_header="api-key",
    token_variable="AZURE_OPENAI_AD_TOKEN",
    url_variable="AZURE_OPENAI_ENDPOINT",
    families=(*OPENAI.families[:-1], ("", Traits(reasons="yes", sampling="no"))),
    dialects=(
        ChatDialect(ChatQuirks(result_parts=False, strict_types=True)),
        ResponsesDialect(),
    ),
    switches_api=True,
    parts=(Image,),
    max_stop_sequences=4,
    embeddings=EmbeddingApi(encoding="base64"),
)

_GEMINI = Traits(reasons="always", efforts=_TO_HIGH)
# They ignore a temperature, and refuse to go on from their own words.
_FLASH = Traits(reasons="always", efforts=_TO_HIGH, sampling="no", prefill=False)
_FLASH_LITE = Traits(
    reasons="always", efforts=("minimal", *_TO_HIGH), sampling="no", prefill=False
)

# https://ai.google.dev/gemini-api/docs/openai; issues of its users for what it refuses.
# Its prices change on 2027-01-01.
GEMINI = Provider(
    name="gemini",
    base_url="https://generativelanguage.googleapis.com/v1beta/openai",
    base_path="/v1beta/openai",
    key_variable="GEMINI_API_KEY",
    default_model="gemini-3.8-flash",
    families=(
        (r"(models/)?gemini-3\.[78]-flash", _FLASH),
        (r"(models/)?gemini-3\.(6-flash|5-flash-lite)", _FLASH_LITE),
        (r"(models/)?gemini-(4|3\.1-pro)", _GEMINI),
        (r"(models/)?gemini-(3|2\.5-pro)", Traits(reasons="always")),
        _NEWER,
    ),
    models=(
        Model(id="gemini-3.8-flash", context_window=1_048_576, max_output=65_536),
        Model(id="gemini-4-argon", context_window=1_048_576),
        Model(id="gemini-embedding-001", context_window=2_048),
    ),
    dialects=(
        ChatDialect(
            ChatQuirks(
                max_tokens_field="max_tokens",
                lacks=frozenset({"seed"}),
                keeps=frozenset({"extra_content"}),
                signed_calls=True,
                hidden_output=True,
            )
        ),
    ),
    parts=(Image, Audio),
    embeddings=EmbeddingApi(model="gemini-embedding-001"),
)

COMPATIBLE = (
    MISTRAL,
    DEEPSEEK,
    XAI,
    *HOSTS,
    PERPLEXITY,
    AZURE,
    GEMINI,
)
"""Each speaks Chat Completions; Azure also Responses."""
