"""All four services, one after another, before an audience."""

from __future__ import annotations

from llm_adapter import (
    AsyncLLMService,
    AsyncResponseStream,
    LLMServiceError,
    LLMStreamInterruptedError,
    ModelConfig,
)

from ..catalogue import (
    COVER_LETTER,
    PROFILE,
    RANKING,
    WRITING_STYLE,
    Workflow,
    document,
)
from ..stage import Stage
from .services import (
    AsyncContentRankingService,
    AsyncCoverLetterService,
    AsyncProfileEnhancementService,
    AsyncWritingStyleService,
)
from .watched import AsyncWatchedLLMService


async def async_tour(llm: AsyncLLMService, stage: Stage) -> None:
    """Run the services on the sample resume and job, whichever provider it is.

    Raises:
        LLMServiceError: one of them failed for good.
    """
    llm = AsyncWatchedLLMService(llm, stage.called)
    resume, job = document("resume.md"), document("job.md")
    with stage.workflow(WRITING_STYLE, _config(llm, WRITING_STYLE)):
        style = await AsyncWritingStyleService(llm).extract(resume)
        stage.show(str(style))
    with stage.workflow(PROFILE, _config(llm, PROFILE)):
        profiles = AsyncProfileEnhancementService(llm)
        stage.show(await profiles.enhance(resume, job, style))
    with stage.workflow(RANKING, _config(llm, RANKING)):
        ranking = await AsyncContentRankingService(llm).rank(resume, job)
        for item in ranking.items:
            stage.show(f"{item.score:3}  {item.reason}")
        stage.show(f"missing: {', '.join(ranking.missing)}")
    with stage.workflow(COVER_LETTER, _config(llm, COVER_LETTER)):
        letters = AsyncCoverLetterService(llm)
        try:
            await _async_written(letters.stream(resume, job, style, ranking), stage)
        except LLMStreamInterruptedError as error:
            # Nothing is asked for again behind the reader's back: that is ours to do.
            stage.interrupted(error)
            await _async_written(letters.stream(resume, job, style, ranking), stage)


def _config(llm: AsyncLLMService, workflow: Workflow) -> ModelConfig:
    """The model that does a workflow now, and how it is asked."""
    return llm.for_workflow(workflow.name).config


async def _async_written(stream: AsyncResponseStream, stage: Stage) -> None:
    try:
        async with stream:
            async for text in stream.text():
                stage.write(text)
    except LLMServiceError as error:
        stage.called(error)
        raise
    stage.called(stream.response)
