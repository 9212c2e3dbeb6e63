"""All four workflows, one after another, before an audience."""

from __future__ import annotations

from llm_adapter import (
    AsyncLLMService,
    AsyncResponseStream,
    LLMServiceError,
    LLMStreamInterruptedError,
)

from ..catalogue import (
    COVER_LETTER,
    PROFILE,
    RANKING,
    WRITING_STYLE,
    document,
)
from ..stage import Stage
from .watched import AsyncWatchedLLMService
from .workflows import AsyncJobWise

USER_ID = 7


async def async_tour(llm: AsyncLLMService, stage: Stage) -> None:
    """Run the workflows on the sample resume and job, whichever provider it is.

    Raises:
        LLMServiceError: one of them failed for good.
    """
    watched = AsyncWatchedLLMService(llm, stage.called)
    jobwise = AsyncJobWise(watched, user_id=USER_ID, on_rejected=stage.rejected)
    resume, job = document("resume.md"), document("job.md")
    with stage.workflow(WRITING_STYLE, jobwise.config(WRITING_STYLE)):
        style = await jobwise.writing_style(resume)
        stage.show(str(style))
    with stage.workflow(PROFILE, jobwise.config(PROFILE)):
        stage.show(await jobwise.profile(resume, job, style))
    with stage.workflow(RANKING, jobwise.config(RANKING)):
        ranking = await jobwise.ranking(resume, job)
        for item in ranking.items:
            stage.show(f"{item.score:3}  {item.reason}")
        stage.show(f"missing: {', '.join(ranking.missing)}")
    with stage.workflow(COVER_LETTER, jobwise.config(COVER_LETTER)):
        try:
            await _async_written(
                jobwise.cover_letter(resume, job, style, ranking), stage
            )
        except LLMStreamInterruptedError as error:
            # Nothing is asked for again behind the reader's back: that is ours to do.
            stage.interrupted(error)
            await _async_written(
                jobwise.cover_letter(resume, job, style, ranking), stage
            )


async def _async_written(stream: AsyncResponseStream, stage: Stage) -> None:
    try:
        async with stream:
            async for text in stream.text():
                stage.write(text)
    except LLMServiceError as error:
        stage.called(error)
        raise
    stage.called(stream.response)
