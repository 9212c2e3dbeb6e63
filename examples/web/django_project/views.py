"""Sync views for WSGI, and async ones for ASGI."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from llm_adapter.integrations.django import (
    astream_response,
    get_async_llm_service,
    get_llm_service,
    stream_response,
)


def ask(request: HttpRequest) -> HttpResponseBase:
    llm = get_llm_service(workflow="questions")
    response = llm.generate(request.GET["q"])
    return JsonResponse({"answer": response.text})


def tell(request: HttpRequest) -> HttpResponseBase:
    llm = get_llm_service(workflow="stories")
    return stream_response(llm.stream(request.GET["q"]))


async def aask(request: HttpRequest) -> HttpResponseBase:
    llm = get_async_llm_service(workflow="questions")
    response = await llm.generate(request.GET["q"])
    return JsonResponse({"answer": response.text})


async def atell(request: HttpRequest) -> HttpResponseBase:
    llm = get_async_llm_service(workflow="stories")
    return await astream_response(llm.stream(request.GET["q"]))
