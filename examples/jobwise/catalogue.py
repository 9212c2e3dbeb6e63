"""What each workflow asks: data, and prompts from files.

Which model does it, and how, is the library's to know: `llm.for_workflow(name)`.
"""

from __future__ import annotations

from pathlib import Path
from string import Template

from attrs import frozen

from llm_adapter import LLMRequest

from .checks import Ranking, WritingStyle

_HERE = Path(__file__).parent


def document(name: str) -> str:
    """The text of a file beside this module."""
    return (_HERE / name).read_text("utf-8").strip()


@frozen
class Workflow:
    """A task.

    Args:
        name: of its prompt file, its models in the selector, its label in ledgers.
        title: for people, short.
    """

    name: str
    title: str

    def request(self, **values: str) -> LLMRequest:
        """The prompt file, filled in.

        Raises:
            KeyError: the prompt has a placeholder without a value.
        """
        text = document(f"prompts/{self.name}.md")
        system, _, prompt = text.partition("\n---\n")
        return LLMRequest(Template(prompt).substitute(values), system_message=system)


WRITING_STYLE = Workflow("writing_style_extraction", "style")
PROFILE = Workflow("profile_enhancement", "profile")
RANKING = Workflow("content_ranking", "ranking")
COVER_LETTER = Workflow("cover_letter_generation", "letter")
WORKFLOWS = (WRITING_STYLE, PROFILE, RANKING, COVER_LETTER)


def letter_request(
    resume: str, job: str, style: WritingStyle, ranking: Ranking
) -> LLMRequest:
    """Asks for a cover letter on the three best achievements."""
    best = " ".join(item.achievement for item in ranking.items[:3])
    return COVER_LETTER.request(
        resume=resume, job=job, style=str(style), achievements=best
    )
