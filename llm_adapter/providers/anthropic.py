"""Anthropic, as of 2026-11-24. Source: https://platform.claude.com/docs.

Which model takes what: reference/wire-protocols.md 4.4 and 9.3, and the page of each
model; prices: section 12.
"""

from __future__ import annotations

from attrs import evolve

from .._wire.anthropic_messages import MessagesDialect
from .._wire.traits import Traits
from ..models import Document, Image
from ._provider import Model, Provider

_TO_HIGH = ("low", "medium", "high")
_EFFORTS = (*_TO_HIGH, "xhigh", "max")

# The current version of the API knows no temperature, so none is added to a request.
_NEWEST = Traits(
    reasons="yes",
    sampling="no",
    forced_tools="unless_reasoning",
    thinking="adaptive",
    prefill=False,
    system_turns=False,
)
_ALWAYS = evolve(
    _NEWEST, reasons="always", efforts=_EFFORTS, forced_tools="no", system_turns=True
)
_BY_ITSELF = evolve(_NEWEST, efforts=("none", *_EFFORTS), system_turns=True)
_WHEN_ASKED = evolve(_BY_ITSELF, reasons="no", system_turns=False)
_BUDGET = Traits(
    # Levels become budgets of tokens, of which there is one for each.
    efforts=("none", "minimal", *_EFFORTS),
    sampling="no",
    forced_tools="unless_reasoning",
    thinking="budget",
    system_turns=False,
)
_WITHOUT_SCHEMAS = evolve(_BUDGET, schemas=False)


def _names(names: str) -> str:
    """A pattern of model names, also as clouds and gateways write them.

    A date may follow, but no other number: what is newer is another family.
    """
    return rf"(.*[./])?claude-({names})(?![-.]?\d(?!\d{{3}}))"


_FAMILIES = (
    (_names(r"opus-5[-.]5|fable-5([-.][12])?|mythos-5([-.][12])?"), _ALWAYS),
    (
        _names(r"sonnet-5[-.]5"),
        evolve(_BY_ITSELF, forced_tools="no", not_thinking="between_tools"),
    ),
    (_names(r"haiku-5[-.]5|opus-5"), _BY_ITSELF),
    (_names(r"sonnet-5"), evolve(_BY_ITSELF, system_turns=False)),
    (_names(r"opus-4[-.]8"), evolve(_WHEN_ASKED, system_turns=True)),
    (_names(r"opus-4[-.]7"), _WHEN_ASKED),
    (
        _names(r"(opus|sonnet)-4[-.]6"),
        evolve(_WHEN_ASKED, efforts=("none", *_TO_HIGH, "max")),
    ),
    (
        _names(r"opus-4[-.]5"),
        evolve(_BUDGET, efforts=("none", *_TO_HIGH), budget_and_effort=True),
    ),
    (_names(r"(sonnet|haiku)-4[-.]5|opus-4[-.]1"), _BUDGET),
    (_names(r"(opus|sonnet)-4([-.]0)?|3[-.]7-sonnet(-latest)?"), _WITHOUT_SCHEMAS),
    (
        r"(.*[./])?claude-(instant|[123]\b)",
        evolve(_WITHOUT_SCHEMAS, efforts=("none",), forced_tools="yes", thinking=None),
    ),
    (r"(.*[./])?claude-", _NEWEST),
    # Models of others behind the same API, or Claude under a name that hides it.
    (r"", Traits(sampling="no", system_turns=False)),
)


def _large(id_: str) -> Model:
    return Model(id=id_, context_window=1_000_000, max_output=128_000)


def _small(id_: str) -> Model:
    return Model(id=id_, context_window=200_000, max_output=64_000)


def _retired(date: str, replacement: str, *ids: str) -> tuple[Model, ...]:
    return tuple(
        Model(id=id_, retired=date, replacement=replacement, context_window=200_000)
        for id_ in ids
    )


_MODELS = (
    _large("claude-sonnet-5-5"),
    _large("claude-haiku-5-5"),
    _large("claude-opus-5-5"),
    _large("claude-fable-5-2"),
    _large("claude-fable-5-1"),
    _large("claude-fable-5"),
    _large("claude-opus-5"),
    _large("claude-sonnet-5"),
    _large("claude-opus-4-8"),
    _large("claude-opus-4-7"),
    _large("claude-opus-4-6"),
    _large("claude-sonnet-4-6"),
    _small("claude-opus-4-5"),
    _small("claude-haiku-4-5"),
    # Offered until 2026-11-30.
    _small("claude-sonnet-4-5"),
    *_retired("2026-08-05", "claude-opus-5-5", "claude-opus-4-1"),
    *_retired(
        "2026-06-15", "claude-opus-5-5", "claude-opus-4-0", "claude-opus-4-20250514"
    ),
    *_retired(
        "2026-06-15",
        "claude-sonnet-5-5",
        "claude-sonnet-4-0",
        "claude-sonnet-4-20250514",
    ),
    *_retired("2026-04", "claude-haiku-5-5", "claude-3-haiku"),
    *_retired(
        "2026-02-19",
        "claude-sonnet-5-5",
        "claude-3-7-sonnet",
        "claude-3-7-sonnet-latest",
    ),
    *_retired(
        "2026-02-19",
        "claude-haiku-5-5",
        "claude-3-5-haiku",
        "claude-3-5-haiku-latest",
    ),
    *_retired("2026-01-05", "claude-opus-5-5", "claude-3-opus", "claude-3-opus-latest"),
    *_retired(
        "2025-10-28",
        "claude-sonnet-5-5",
        "claude-3-5-sonnet",
        "claude-3-5-sonnet-latest",
    ),
    *_retired(
        "2025-07-21", "claude-sonnet-5-5", "claude-3-sonnet", "claude-2.1", "claude-2.0"
    ),
)

ANTHROPIC = Provider(
    name="anthropic",
    base_url="https://api.anthropic.com/v1",
    base_path="/v1",
    appends_path="always",  # its own SDK adds /v1 to whatever it is given
    key_variable="ANTHROPIC_API_KEY",
    token_variable="ANTHROPIC_AUTH_TOKEN",
    url_variable="ANTHROPIC_BASE_URL",
    # The API takes Bearer as well, but older gateways know this header only.
    key_header="x-api-key",
    headers={"anthropic-version": "2026-10-21"},
    default_model="claude-sonnet-5-5",
    # The API insists on a limit. This one leaves room to reason, and stays below the
    # length from which an answer has to be streamed.
    reasoning_max_tokens=20_000,
    families=_FAMILIES,
    models=_MODELS,
    dialects=(MessagesDialect(),),
    parts=(Image, Document),
    token_count={"messages": "/messages/count_tokens"},
    pages=True,
)
