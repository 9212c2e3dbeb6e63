"""JobWise on FastAPI: `uvicorn examples.jobwise.web.fastapi_app:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException

from llm_adapter import (
    AsyncLLMFactory,
    AsyncLLMService,
    AsyncTokenTracker,
    AsyncTrackingLLMService,
    Budget,
)
from llm_adapter.integrations.fastapi import (
    EventStreamResponse,
    install_exception_handlers,
    llm_lifespan,
    llm_service,
    stream_response,
)

from .. import (
    AsyncContentRankingService,
    AsyncCoverLetterService,
    AsyncProfileEnhancementService,
    AsyncWritingStyleService,
)
from ..checks import Ranking, WritingStyle
from . import bodies

BUDGET = Budget(tokens=200_000, per="day", user_id="*")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """A ledger and a service, as long as the application lives."""
    async with AsyncTokenTracker(budgets=[BUDGET]) as tracker:

        def make_llm() -> AsyncLLMService:
            return AsyncTrackingLLMService(AsyncLLMFactory.create(), tracker)

        app.state.tracker = tracker
        async with llm_lifespan(app, make=make_llm):
            yield


async def current_user(x_user_id: Annotated[str | None, Header()] = None) -> str:
    user_id = bodies.user_of(x_user_id)
    if user_id is None:
        raise HTTPException(401, bodies.NOBODY)
    return user_id


User = Annotated[str, Depends(current_user)]
LLM = Annotated[AsyncLLMService, Depends(llm_service(user_id=current_user))]

app = FastAPI(title="JobWise", lifespan=lifespan)
install_exception_handlers(app)


@app.post("/style/extract", response_model=bodies.Style)
async def extract_style(body: bodies.StyleRequest, llm: LLM) -> WritingStyle:
    return await AsyncWritingStyleService(llm).extract(body.resume)


@app.post("/profile/enhance")
async def enhance_profile(body: bodies.ProfileRequest, llm: LLM) -> bodies.Profile:
    profiles = AsyncProfileEnhancementService(llm)
    summary = await profiles.enhance(body.resume, body.job, body.style.value())
    return bodies.Profile(summary=summary)


@app.post("/content/rank", response_model=bodies.Order)
async def rank_content(body: bodies.RankingRequest, llm: LLM) -> Ranking:
    return await AsyncContentRankingService(llm).rank(body.resume, body.job)


@app.post("/cover-letter")
async def write_letter(body: bodies.LetterRequest, llm: LLM) -> bodies.Letter:
    letters = AsyncCoverLetterService(llm)
    text = await letters.write(
        body.resume, body.job, body.style.value(), body.ranking.value()
    )
    return bodies.Letter(text=text)


@app.post("/cover-letter/stream", response_class=EventStreamResponse)
async def stream_letter(body: bodies.LetterRequest, llm: LLM) -> EventStreamResponse:
    letters = AsyncCoverLetterService(llm)
    return stream_response(
        letters.stream(body.resume, body.job, body.style.value(), body.ranking.value())
    )


@app.get("/usage")
async def usage(user_id: User) -> bodies.Usage:
    tracker: AsyncTokenTracker = app.state.tracker
    return bodies.Usage(**await tracker.get_user_usage(user_id))
