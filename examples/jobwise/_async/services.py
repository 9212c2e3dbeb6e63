"""The four services, written against the port: any provider can be behind it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from llm_adapter import (
    AsyncLLMService,
    AsyncResponseStream,
    LLMInvalidResponseError,
    LLMRequest,
)

from ..catalogue import (
    COVER_LETTER,
    PROFILE,
    RANKING,
    WRITING_STYLE,
    letter_request,
)
from ..checks import (
    Ranking,
    WritingStyle,
    achievements,
    checked_ranking,
    checked_style,
    checked_text,
)

T = TypeVar("T")

logger = logging.getLogger("jobwise")


class AsyncWritingStyleService:
    """Finds out how somebody writes.

    Args:
        llm: who answers.
    """

    def __init__(self, llm: AsyncLLMService) -> None:
        self._llm = llm.for_workflow(WRITING_STYLE.name)

    async def extract(self, resume: str) -> WritingStyle:
        """How the resume is written.

        Raises:
            LLMServiceError: no usable answer, also when asked again.
        """
        request = WRITING_STYLE.request(resume=resume)
        return await _async_checked(self._llm, request, checked_style)


class AsyncProfileEnhancementService:
    """Rewrites what somebody says of themselves.

    Args:
        llm: who answers.
    """

    def __init__(self, llm: AsyncLLMService) -> None:
        self._llm = llm.for_workflow(PROFILE.name)

    async def enhance(self, resume: str, job: str, style: WritingStyle) -> str:
        """The resume's summary, rewritten for a job.

        Raises:
            LLMServiceError: no answer, or one that was cut.
        """
        request = PROFILE.request(resume=resume, job=job, style=str(style))
        return checked_text(await self._llm.generate(request))


class AsyncContentRankingService:
    """Weighs what somebody has achieved.

    Args:
        llm: who answers.
    """

    def __init__(self, llm: AsyncLLMService) -> None:
        self._llm = llm.for_workflow(RANKING.name)

    async def rank(self, resume: str, job: str) -> Ranking:
        """The resume's achievements, the one that says most for the job first.

        Raises:
            LLMServiceError: no usable answer, also when asked again.
        """
        known = achievements(resume)
        listed = "\n".join(f"{name}: {text}" for name, text in known.items())
        request = RANKING.request(achievements=listed, job=job)
        return await _async_checked(
            self._llm, request, lambda data: checked_ranking(data, known)
        )


class AsyncCoverLetterService:
    """Writes cover letters on the three best achievements.

    Args:
        llm: who answers.
    """

    def __init__(self, llm: AsyncLLMService) -> None:
        self._llm = llm.for_workflow(COVER_LETTER.name)

    async def write(
        self, resume: str, job: str, style: WritingStyle, ranking: Ranking
    ) -> str:
        """The letter as a whole.

        Raises:
            LLMServiceError: no answer, or one that was cut.
        """
        request = letter_request(resume, job, style, ranking)
        return checked_text(await self._llm.generate(request))

    def stream(
        self, resume: str, job: str, style: WritingStyle, ranking: Ranking
    ) -> AsyncResponseStream:
        """The letter as it is written; errors come while it is read."""
        return self._llm.stream(letter_request(resume, job, style, ranking))


async def _async_checked(
    llm: AsyncLLMService,
    request: LLMRequest,
    check: Callable[[Mapping[str, Any]], T],
) -> T:
    """Ask for JSON, and once more if it is not usable: each answer is paid for."""
    try:
        return check(await llm.generate_json(request))
    except LLMInvalidResponseError as error:
        logger.info("%s Asking once more.", error.message)
    return check(await llm.generate_json(request))
