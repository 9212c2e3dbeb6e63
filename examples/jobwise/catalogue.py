"""What each workflow asks, and of which model: data, and prompts from files."""

from __future__ import annotations

from pathlib import Path
from string import Template

from attrs import frozen

from llm_adapter import LLMRequest

_HERE = Path(__file__).parent


def document(name: str) -> str:
    """The text of a file beside this module."""
    return (_HERE / name).read_text("utf-8").strip()


@frozen(kw_only=True)
class Workflow:
    """A task, and the model that does it.

    Args:
        name: of its prompt file, and its label in ledgers.
        title: for people.
        model: fast for analysis, large for texts that people read.
        temperature: low where the answer is data.
        max_tokens: reasoning included.
        reasoning_effort: low, medium or high.
    """

    name: str
    title: str
    model: str
    temperature: float
    max_tokens: int
    reasoning_effort: str

    def request(self, user_id: int, **values: str) -> LLMRequest:
        """The prompt file, filled in.

        Raises:
            KeyError: the prompt has a placeholder without a value.
        """
        text = document(f"prompts/{self.name}.md")
        system, _, prompt = text.partition("\n---\n")
        return LLMRequest(
            Template(prompt).substitute(values),
            system_message=system,
            model=self.model,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            reasoning_effort=self.reasoning_effort,
            metadata={"workflow": self.name, "user_id": user_id},
        )


WRITING_STYLE = Workflow(
    name="writing_style_extraction",
    title="writing style",
    model="openai/gpt-oss-20b",
    temperature=0.3,
    max_tokens=1500,
    reasoning_effort="low",
)
PROFILE = Workflow(
    name="profile_enhancement",
    title="profile",
    model="openai/gpt-oss-120b",
    temperature=0.4,
    max_tokens=2000,
    reasoning_effort="medium",
)
RANKING = Workflow(
    name="content_ranking",
    title="ranking",
    model="openai/gpt-oss-20b",
    temperature=0.3,
    max_tokens=2500,
    reasoning_effort="low",
)
COVER_LETTER = Workflow(
    name="cover_letter_generation",
    title="cover letter",
    model="openai/gpt-oss-120b",
    temperature=0.5,
    max_tokens=3000,
    reasoning_effort="medium",
)
WORKFLOWS = (WRITING_STYLE, PROFILE, RANKING, COVER_LETTER)
