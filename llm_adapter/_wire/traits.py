"""How the models of one family behave: what a dialect must know to ask them."""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import frozen

When: TypeAlias = Literal["yes", "unless_reasoning", "no"]
"""Whether a model takes something: always, only while it does not reason, never."""


@frozen(kw_only=True)
class Traits:
    """A family of models; what is not said is true of a plain model.

    Args:
        reasons: without being asked to: "no", "yes", or "always" where nothing can
            switch it off.
        efforts: values of reasoning_effort that it takes, None when not known.
        sampling: whether it takes temperature and top_p.
        lacks: fields of a request that it refuses.
        api: the API to prefer where the provider has several; None leaves it open.
        tools_api: the same for requests with tools.
        chat: whether Chat Completions serves it, and with tools.
        forced_tools: whether it can be made to call a tool.
        thinking: how Anthropic's models are asked to reason: "adaptive", by a token
            "budget", or None for those that cannot.
        not_thinking: how they are asked not to.
        budget_and_effort: whether they take a level of effort beside a budget.
        schemas: whether answers can be held to a JSON schema.
        prefill: whether the conversation may end with the assistant's words.
        system_turns: whether system messages may stand within the conversation.
    """

    reasons: Literal["no", "yes", "always"] = "no"
    efforts: tuple[str, ...] | None = None
    sampling: When = "yes"
    lacks: frozenset[str] = frozenset()
    api: str | None = None
    tools_api: str | None = None
    chat: Literal["yes", "tools_unless_reasoning", "without_tools", "no"] = "yes"
    forced_tools: When = "yes"
    thinking: Literal["adaptive", "budget"] | None = None
    not_thinking: Literal["disabled", "between_tools"] = "disabled"
    budget_and_effort: bool = False
    schemas: bool = True
    prefill: bool = True
    system_turns: bool = True

    def reasoning(self, effort: str | None) -> bool:
        """Whether it reasons when asked with this reasoning_effort.

        >>> Traits(reasons="yes").reasoning("none"), Traits().reasoning("low")
        (False, True)
        """
        if self.reasons == "always":
            return True
        return self.reasons == "yes" if effort is None else effort != "none"


PLAIN = Traits()
"""A model of which nothing is known."""


def holds(when: When, *, reasoning: bool) -> bool:
    """Whether `when` is true of a model that reasons, or does not.

    >>> holds("unless_reasoning", reasoning=True)
    False
    """
    return when == "yes" or (when == "unless_reasoning" and not reasoning)
