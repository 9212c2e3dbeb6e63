"""The JSON of both web applications: checked, and limited, before anything is asked."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from ..checks import LONGEST, MOST, Ranked, Ranking, WritingStyle, achievements

NOBODY = "Say who you are: X-User-Id, up to 64 letters, digits, hyphens, underscores."

_USER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def user_of(header: str | None) -> str | None:
    """The user whom a header names; in earnest, whoever a session or token belongs to.

    >>> user_of("mira"), user_of("two words"), user_of(None)
    ('mira', None, None)
    """
    return header if header and _USER_ID.fullmatch(header) else None


def _with_achievements(resume: str) -> str:
    found = achievements(resume)
    if not 0 < len(found) <= MOST or max(map(len, found.values())) > LONGEST:
        raise ValueError(
            f"the resume needs 1 to {MOST} achievements: lines that begin with '- ', "
            f"of {LONGEST} characters at most"
        )
    return resume


Resume = Annotated[str, Field(min_length=1, max_length=20_000)]
Job = Annotated[str, Field(min_length=1, max_length=10_000)]
Phrase = Annotated[str, Field(max_length=LONGEST)]
Phrases = Annotated[tuple[Phrase, ...], Field(max_length=MOST)]


class Style(BaseModel):
    """How somebody writes: an answer that other requests bring back."""

    tone: Literal["formal", "neutral", "warm"]
    sentences: Literal["short", "medium", "long"]
    habits: Phrases

    def value(self) -> WritingStyle:
        """The same, as the services know it."""
        return WritingStyle(self.tone, self.sentences, self.habits)


class Item(BaseModel):
    """An achievement, and how much it says for a job."""

    achievement: Phrase
    score: Annotated[int, Field(ge=0, le=100)]
    reason: Phrase


class Order(BaseModel):
    """Achievements, the best first: an answer that other requests bring back."""

    items: Annotated[tuple[Item, ...], Field(max_length=MOST)]
    missing: Phrases

    def value(self) -> Ranking:
        """The same, as the services know it."""
        items = [
            Ranked(each.achievement, each.score, each.reason) for each in self.items
        ]
        return Ranking(tuple(items), self.missing)


# -- what is asked --------------------------------------------------------------------


class StyleRequest(BaseModel):
    """For POST /style/extract."""

    resume: Resume


class ProfileRequest(BaseModel):
    """For POST /profile/enhance."""

    resume: Resume
    job: Job
    style: Style


class RankingRequest(BaseModel):
    """For POST /content/rank."""

    resume: Annotated[Resume, AfterValidator(_with_achievements)]
    job: Job


class LetterRequest(BaseModel):
    """For POST /cover-letter and /cover-letter/stream."""

    resume: Resume
    job: Job
    style: Style
    ranking: Order


# -- what is answered -----------------------------------------------------------------


class Profile(BaseModel):
    """A summary for a resume."""

    summary: str


class Letter(BaseModel):
    """A cover letter."""

    text: str


class Usage(BaseModel):
    """What a user has used in the last 30 days."""

    total_tokens: int
    total_cost: Decimal | None
    """US dollars; none where no price is known."""
    workflows: dict[str, int]
    """Tokens by workflow."""
