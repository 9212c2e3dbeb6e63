"""Sync views on the sync services."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_POST
from pydantic import BaseModel, ValidationError

from llm_adapter import TokenTracker
from llm_adapter.integrations.django import (
    flush_llm_ledger,
    get_llm_service,
    stream_response,
)

from ... import (
    ContentRankingService,
    CoverLetterService,
    ProfileEnhancementService,
    WritingStyleService,
)
from .. import bodies

Body = TypeVar("Body", bound=BaseModel)
View = Callable[[HttpRequest], HttpResponseBase]


def takes(kind: type[Body]) -> Callable[[Callable[[Body], HttpResponseBase]], View]:
    """Makes a view of a function that takes a body: POST only, and 422 for others."""

    def decorate(answer: Callable[[Body], HttpResponseBase]) -> View:
        @wraps(answer)
        def view(request: HttpRequest) -> HttpResponseBase:
            try:
                body = kind.model_validate_json(request.body)
            except ValidationError as error:
                faults = error.errors(
                    include_url=False, include_context=False, include_input=False
                )
                return JsonResponse({"detail": faults}, status=422)
            return answer(body)

        checked: View = require_POST(view)
        return checked

    return decorate


def _json(body: BaseModel) -> JsonResponse:
    return JsonResponse(body.model_dump(mode="json"))


@takes(bodies.StyleRequest)
def extract_style(body: bodies.StyleRequest) -> HttpResponseBase:
    style = WritingStyleService(get_llm_service()).extract(body.resume)
    return _json(bodies.Style.model_validate(style, from_attributes=True))


@takes(bodies.ProfileRequest)
def enhance_profile(body: bodies.ProfileRequest) -> HttpResponseBase:
    profiles = ProfileEnhancementService(get_llm_service())
    summary = profiles.enhance(body.resume, body.job, body.style.value())
    return _json(bodies.Profile(summary=summary))


@takes(bodies.RankingRequest)
def rank_content(body: bodies.RankingRequest) -> HttpResponseBase:
    ranking = ContentRankingService(get_llm_service()).rank(body.resume, body.job)
    return _json(bodies.Order.model_validate(ranking, from_attributes=True))


@takes(bodies.LetterRequest)
def write_letter(body: bodies.LetterRequest) -> HttpResponseBase:
    letters = CoverLetterService(get_llm_service())
    text = letters.write(
        body.resume, body.job, body.style.value(), body.ranking.value()
    )
    return _json(bodies.Letter(text=text))


@takes(bodies.LetterRequest)
def stream_letter(body: bodies.LetterRequest) -> HttpResponseBase:
    letters = CoverLetterService(get_llm_service())
    return stream_response(
        letters.stream(body.resume, body.job, body.style.value(), body.ranking.value())
    )


def usage(request: HttpRequest) -> HttpResponseBase:
    # What this process has booked a moment ago is to be in it.
    flush_llm_ledger()
    with TokenTracker(settings.LLM_ADAPTER["LEDGER"]) as tracker:
        return _json(bodies.Usage(**tracker.get_user_usage(str(request.user.pk))))
