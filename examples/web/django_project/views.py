"""Sync views for WSGI, and async ones for ASGI, which `atell` needs."""

from __future__ import annotations

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from llm_adapter.integrations.django import (
    astream_response,
    get_async_llm_service,
    get_llm_service,
    stream_response,
)


def question(request: HttpRequest) -> str:
    asked = request.GET.get("q", "")
    if not asked.strip():
        raise BadRequest("q is empty: ask something")  # answered with 400
    return asked


def ask(request: HttpRequest) -> HttpResponseBase:
    llm = get_llm_service(workflow="questions")
    response = llm.generate(question(request))
    return JsonResponse({"answer": response.text})


def tell(request: HttpRequest) -> HttpResponseBase:
    llm = get_llm_service(workflow="stories")
    return stream_response(llm.stream(question(request)))


async def aask(request: HttpRequest) -> HttpResponseBase:
    llm = get_async_llm_service(workflow="questions")
    response = await llm.generate(question(request))
    return JsonResponse({"answer": response.text})


async def atell(request: HttpRequest) -> HttpResponseBase:
    llm = get_async_llm_service(workflow="stories")
    return await astream_response(llm.stream(question(request)))
