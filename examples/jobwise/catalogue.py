"""What each workflow asks, and of which model: data, and prompts from files.

Another provider is another `Lineup`; the workflows do not know that there are several.
"""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Literal, TypedDict

from attrs import frozen

from llm_adapter import LLMRequest

_HERE = Path(__file__).parent


def document(name: str) -> str:
    """The text of a file beside this module."""
    return (_HERE / name).read_text("utf-8").strip()


@frozen(kw_only=True)
class Workflow:
    """A task, and what it takes to do it.

    Args:
        name: of its prompt file, and its label in ledgers.
        title: for people, short.
        size: of the model: fast for analysis, large for texts that people read.
        temperature: low where the answer is data.
        max_tokens: reasoning included.
        reasoning_effort: low, medium or high.
    """

    name: str
    title: str
    size: Literal["fast", "large"]
    temperature: float
    max_tokens: int
    reasoning_effort: str

    def request(self, lineup: Lineup, user_id: int, **values: str) -> LLMRequest:
        """The prompt file, filled in, for the models of a provider.

        Raises:
            KeyError: the prompt has a placeholder without a value.
        """
        text = document(f"prompts/{self.name}.md")
        system, _, prompt = text.partition("\n---\n")
        return LLMRequest(
            Template(prompt).substitute(values),
            system_message=system,
            metadata={"workflow": self.name, "user_id": user_id},
            **lineup.options(self),
        )


WRITING_STYLE = Workflow(
    name="writing_style_extraction",
    title="style",
    size="fast",
    temperature=0.3,
    max_tokens=1500,
    reasoning_effort="low",
)
PROFILE = Workflow(
    name="profile_enhancement",
    title="profile",
    size="large",
    temperature=0.4,
    max_tokens=2000,
    reasoning_effort="medium",
)
RANKING = Workflow(
    name="content_ranking",
    title="ranking",
    size="fast",
    temperature=0.3,
    max_tokens=2500,
    reasoning_effort="low",
)
COVER_LETTER = Workflow(
    name="cover_letter_generation",
    title="letter",
    size="large",
    temperature=0.5,
    max_tokens=3000,
    reasoning_effort="medium",
)
WORKFLOWS = (WRITING_STYLE, PROFILE, RANKING, COVER_LETTER)


class Options(TypedDict):
    """What a workflow's requests carry; None leaves it to the provider."""

    model: str | None
    temperature: float | None
    max_tokens: int
    reasoning_effort: str | None


@frozen(kw_only=True)
class Lineup:
    """A provider's models as JobWise uses them.

    Args:
        provider: its name, as in LLM_PROVIDER.
        fast: the model for analysis; None for the one that the server has.
        large: the model for texts that people read, likewise.
        temperature: whether they take one.
        reasoning_effort: whether they take one.
        reserve: tokens that their reasoning may take beyond a workflow's max_tokens.
        key: environment variable of its key, None when it needs none.
        keys: page where keys are made.
    """

    provider: str
    fast: str | None = None
    large: str | None = None
    temperature: bool = True
    reasoning_effort: bool = True
    reserve: int = 4000
    key: str | None = None
    keys: str = ""

    def options(self, workflow: Workflow) -> Options:
        """What of a workflow's settings these models take."""
        return {
            "model": self.fast if workflow.size == "fast" else self.large,
            "temperature": workflow.temperature if self.temperature else None,
            "max_tokens": workflow.max_tokens + self.reserve,
            "reasoning_effort": (
                workflow.reasoning_effort if self.reasoning_effort else None
            ),
        }


GROQ = Lineup(
    provider="groq",
    fast="openai/gpt-oss-20b",
    large="openai/gpt-oss-120b",
    # Its free tier counts max_tokens as if all of them were used.
    reserve=0,
    key="GROQ_API_KEY",
    keys="https://console.groq.com/keys",
)
OPENAI = Lineup(
    provider="openai",
    fast="gpt-6-luna",
    large="gpt-6.1-sol",
    temperature=False,
    key="OPENAI_API_KEY",
    keys="https://platform.openai.com/api-keys",
)
ANTHROPIC = Lineup(
    provider="anthropic",
    fast="claude-haiku-5-5",
    large="claude-sonnet-5-5",
    temperature=False,
    key="ANTHROPIC_API_KEY",
    keys="https://platform.claude.com/settings/keys",
)
# What its model is and whether it reasons, only the server knows.
LOCAL = Lineup(provider="local", reasoning_effort=False)
LINEUPS = {each.provider: each for each in (GROQ, OPENAI, ANTHROPIC, LOCAL)}
