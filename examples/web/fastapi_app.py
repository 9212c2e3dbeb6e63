"""A web application: `uvicorn examples.web.fastapi_app:app`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Depends, FastAPI, Header, HTTPException

from llm_adapter import (
    AsyncLLMFactory,
    AsyncLLMService,
    AsyncTokenTracker,
    AsyncTrackingLLMService,
    Budget,
)
from llm_adapter.integrations.fastapi import (
    EventStreamResponse,
    get_llm_service,
    install_exception_handlers,
    llm_lifespan,
    llm_service,
    stream_response,
)

BUDGET = Budget(tokens=40_000, per="day", user_id="*")


def make_llm() -> AsyncLLMService:
    tracker = AsyncTokenTracker(budgets=[BUDGET])
    return AsyncTrackingLLMService(AsyncLLMFactory.create(), tracker)


def current_user(x_user: Annotated[str, Header()]) -> str:
    return x_user  # in earnest: whoever the session or the token belongs to


def checked_prompt(prompt: Annotated[str, Body(embed=True)]) -> str:
    # Not `min_length=1`: blanks would pass, and FastAPI answers half of a surrogate
    # pair, which JSON can say and UTF-8 cannot, with 500.
    if not prompt.strip() or any("\ud800" <= each <= "\udfff" for each in prompt):
        raise HTTPException(422, "The prompt is empty, or not valid Unicode.")
    return prompt


app = FastAPI(lifespan=llm_lifespan(make=make_llm))
install_exception_handlers(app)

letters = llm_service("cover_letter_generation", user_id=current_user)
LLM = Annotated[AsyncLLMService, Depends(get_llm_service)]
LetterLLM = Annotated[AsyncLLMService, Depends(letters)]
Prompt = Annotated[str, Depends(checked_prompt)]


@app.post("/answer")
async def answer(prompt: Prompt, llm: LLM) -> dict[str, str]:
    response = await llm.generate(prompt)
    return {"text": response.text}


@app.post("/letter", response_class=EventStreamResponse)
async def letter(prompt: Prompt, llm: LetterLLM) -> EventStreamResponse:
    return stream_response(llm.stream(f"Write a cover letter: {prompt}"))
