"""The built-in workflows and the models that do them: data, fitted to each provider.

As of 2026-11-24. What a default gives is left out where the model is known not to take
it; what a program or its configuration says is never touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import frozen

from ._wire.traits import PLAIN, Traits, holds
from .providers import PROVIDERS


@frozen(kw_only=True)
class Task:
    """What it takes to do a workflow, on whichever provider.

    Args:
        size: of the model: fast for analysis, large for texts that people read.
        temperature: low where the answer is data.
        max_tokens: of the answer; models that reason get a reserve beyond it.
        reasoning_effort: low, medium or high.
        description: for people.
    """

    size: Literal["fast", "large"]
    temperature: float
    max_tokens: int
    reasoning_effort: str
    description: str


TASKS: Mapping[str, Task] = {
    "writing_style_extraction": Task(
        size="fast",
        temperature=0.3,
        max_tokens=1500,
        reasoning_effort="low",
        description="Fast analysis with good JSON parsing",
    ),
    "profile_enhancement": Task(
        size="large",
        temperature=0.4,
        max_tokens=2000,
        reasoning_effort="medium",
        description="High-quality text generation",
    ),
    "content_ranking": Task(
        size="fast",
        temperature=0.3,
        max_tokens=2500,
        reasoning_effort="low",
        description="Fast ranking with structured output",
    ),
    "cover_letter_generation": Task(
        size="large",
        temperature=0.5,
        max_tokens=3000,
        reasoning_effort="medium",
        description="Creative, natural cover letter writing",
    ),
}


@frozen(kw_only=True)
class Lineup:
    """A provider's models for both kinds of work; None leaves it to the service.

    Args:
        fast: the model for analysis.
        large: the model for texts that people read.
        reserve: tokens that their reasoning may take beyond a task's max_tokens.
        may_reason: whether a model of which nothing is known gets the reserve, too.
        takes_efforts: both take low to high, although their family may not say so.
    """

    fast: str | None = None
    large: str | None = None
    reserve: int = 4000
    may_reason: bool = False
    takes_efforts: bool = False


LINEUPS: Mapping[str, Lineup] = {
    # Its free tier counts max_tokens as if all of them were used.
    "groq": Lineup(fast="openai/gpt-oss-20b", large="openai/gpt-oss-120b", reserve=0),
    "openai": Lineup(fast="gpt-6-luna", large="gpt-6.1-sol", takes_efforts=True),
    "anthropic": Lineup(fast="claude-haiku-5-5", large="claude-sonnet-5-5"),
    # What its model is and whether it reasons, only the server knows.
    "local": Lineup(may_reason=True),
}


def fitted(
    task: Task, provider: str, said: Mapping[str, Any], named: str | None = None
) -> dict[str, Any]:
    """The values of a task as far as the model takes them, under those that were said.

    >>> fitted(TASKS["content_ranking"], "openai", {"max_tokens": 9})["model"]
    'gpt-6-luna'

    Args:
        task: what is to be done.
        provider: name of the provider, which may be none of ours.
        said: fields of a ModelConfig; each stays as it is.
        named: the model to take when nothing is said; None takes the lineup's.
    """
    lineup = _lineup(provider)
    own = lineup.fast if task.size == "fast" else lineup.large
    model = said.get("model") or named or own
    traits = _traits(provider, model)
    effort = said.get("reasoning_effort") or _effort(task, lineup, traits, model)
    reasons = traits.reasoning(effort)
    takes_temperature = holds(traits.sampling, reasoning=reasons)
    reserve = lineup.reserve if reasons or lineup.may_reason else 0
    return {
        "model": model,
        "temperature": task.temperature if takes_temperature else None,
        "max_tokens": task.max_tokens + reserve,
        "description": task.description,
        "reasoning_effort": effort,
        **said,
    }


def _lineup(provider: str) -> Lineup:
    if provider in LINEUPS:
        return LINEUPS[provider]
    known = PROVIDERS.get(provider)
    usual = known.default_model if known else None
    return Lineup(fast=usual, large=usual)


def _traits(provider: str, model: str | None) -> Traits:
    known = PROVIDERS.get(provider)
    return known.traits(model or "") if known else PLAIN


def _effort(
    task: Task, lineup: Lineup, traits: Traits, model: str | None
) -> str | None:
    """The task's effort, where it only says how much a model reasons that does.

    Reasoning that a default has switched on would forbid what requests may ask for, as
    a tool that has to be called.
    """
    if traits.reasons == "no":
        return None
    if traits.efforts is None:
        known = lineup.takes_efforts and model in (lineup.fast, lineup.large)
        return task.reasoning_effort if known else None
    return task.reasoning_effort if task.reasoning_effort in traits.efforts else None
