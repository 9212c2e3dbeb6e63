"""The four workflows, written against the port: any provider can be behind it."""

from __future__ import annotations

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
    Lineup,
    Workflow,
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


class AsyncJobWise:
    """What JobWise does for one user.

    Args:
        llm: who answers.
        lineup: the models of that provider.
        user_id: label of every request.
        on_rejected: told of each answer that could not be used and is asked for again.
    """

    def __init__(
        self,
        llm: AsyncLLMService,
        lineup: Lineup,
        *,
        user_id: int,
        on_rejected: Callable[[LLMInvalidResponseError], None] | None = None,
    ) -> None:
        self._llm = llm
        self._lineup = lineup
        self._user_id = user_id
        self._on_rejected = on_rejected

    async def writing_style(self, resume: str) -> WritingStyle:
        """How the resume is written.

        Raises:
            LLMServiceError: no usable answer, also when asked again.
        """
        request = self._request(WRITING_STYLE, resume=resume)
        return await self._checked(request, checked_style)

    async def profile(self, resume: str, job: str, style: WritingStyle) -> str:
        """The resume's summary, rewritten for a job.

        Raises:
            LLMServiceError: no answer, or one that was cut.
        """
        request = self._request(PROFILE, resume=resume, job=job, style=str(style))
        return checked_text(await self._llm.generate(request))

    async def ranking(self, resume: str, job: str) -> Ranking:
        """The resume's achievements, the one that says most for the job first.

        Raises:
            LLMServiceError: no usable answer, also when asked again.
        """
        known = achievements(resume)
        listed = "\n".join(f"{name}: {text}" for name, text in known.items())
        request = self._request(RANKING, achievements=listed, job=job)
        return await self._checked(request, lambda data: checked_ranking(data, known))

    def cover_letter(
        self, resume: str, job: str, style: WritingStyle, ranking: Ranking
    ) -> AsyncResponseStream:
        """A cover letter on the three best achievements, as it is written."""
        best = " ".join(item.achievement for item in ranking.items[:3])
        request = self._request(
            COVER_LETTER, resume=resume, job=job, style=str(style), achievements=best
        )
        return self._llm.stream(request)

    def _request(self, workflow: Workflow, **values: str) -> LLMRequest:
        return workflow.request(self._lineup, self._user_id, **values)

    async def _checked(
        self, request: LLMRequest, check: Callable[[Mapping[str, Any]], T]
    ) -> T:
        """Ask for JSON, and once more if it is not usable: each answer is paid for."""
        try:
            return check(await self._llm.generate_json(request))
        except LLMInvalidResponseError as error:
            if self._on_rejected is not None:
                self._on_rejected(error)
        return check(await self._llm.generate_json(request))
