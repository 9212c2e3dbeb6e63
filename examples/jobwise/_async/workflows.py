"""The four workflows, written against the port: any provider can be behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from llm_adapter import (
    AsyncLLMService,
    AsyncResponseStream,
    LLMInvalidResponseError,
    LLMRequest,
    ModelConfig,
)

from ..catalogue import (
    COVER_LETTER,
    PROFILE,
    RANKING,
    WRITING_STYLE,
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
        user_id: label of every request.
        on_rejected: told of each answer that could not be used and is asked for again.
    """

    def __init__(
        self,
        llm: AsyncLLMService,
        *,
        user_id: int,
        on_rejected: Callable[[LLMInvalidResponseError], None] | None = None,
    ) -> None:
        self._llm = llm
        self._user_id = user_id
        self._on_rejected = on_rejected

    async def writing_style(self, resume: str) -> WritingStyle:
        """How the resume is written.

        Raises:
            LLMServiceError: no usable answer, also when asked again.
        """
        request = WRITING_STYLE.request(self._user_id, resume=resume)
        return await self._checked(WRITING_STYLE, request, checked_style)

    async def profile(self, resume: str, job: str, style: WritingStyle) -> str:
        """The resume's summary, rewritten for a job.

        Raises:
            LLMServiceError: no answer, or one that was cut.
        """
        request = PROFILE.request(
            self._user_id, resume=resume, job=job, style=str(style)
        )
        llm = self._llm.for_workflow(PROFILE.name)
        return checked_text(await llm.generate(request))

    async def ranking(self, resume: str, job: str) -> Ranking:
        """The resume's achievements, the one that says most for the job first.

        Raises:
            LLMServiceError: no usable answer, also when asked again.
        """
        known = achievements(resume)
        listed = "\n".join(f"{name}: {text}" for name, text in known.items())
        request = RANKING.request(self._user_id, achievements=listed, job=job)
        return await self._checked(
            RANKING, request, lambda data: checked_ranking(data, known)
        )

    def cover_letter(
        self, resume: str, job: str, style: WritingStyle, ranking: Ranking
    ) -> AsyncResponseStream:
        """A cover letter on the three best achievements, as it is written."""
        best = " ".join(item.achievement for item in ranking.items[:3])
        request = COVER_LETTER.request(
            self._user_id,
            resume=resume,
            job=job,
            style=str(style),
            achievements=best,
        )
        return self._llm.for_workflow(COVER_LETTER.name).stream(request)

    def config(self, workflow: Workflow) -> ModelConfig:
        """The model that does a workflow now, and how it is asked."""
        return self._llm.for_workflow(workflow.name).config

    async def _checked(
        self,
        workflow: Workflow,
        request: LLMRequest,
        check: Callable[[Mapping[str, Any]], T],
    ) -> T:
        """Ask for JSON, and once more if it is not usable: each answer is paid for."""
        llm = self._llm.for_workflow(workflow.name)
        try:
            return check(await llm.generate_json(request))
        except LLMInvalidResponseError as error:
            if self._on_rejected is not None:
                self._on_rejected(error)
        return check(await llm.generate_json(request))
