"""Addresses of the example, and of views that tests need."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import path

from examples.web.django_project.urls import urlpatterns as of_the_example
from llm_adapter import LLMRateLimitError, usage_context
from llm_adapter.integrations.django import get_async_llm_service, get_llm_service


def fail(request):
    raise LLMRateLimitError(f"a secret of {request.path}", retry_after=1.5)


async def afail(request):
    raise LLMRateLimitError("a secret", retry_after=1.5)


def break_(request):
    raise ValueError("no error of ours")


def labelled(request):
    with usage_context(workflow="labelled"):
        get_llm_service().generate("Hello")
    return HttpResponse("done")


def untouched(request):
    return HttpResponse("done")


async def auntouched(request):
    return HttpResponse("done")


def by_token(request):
    """As REST framework does: the user is known once the view has begun."""
    request.user = User.objects.get(username=request.headers["Token"])
    get_llm_service().generate("Hello")
    return HttpResponse("done")


async def aby_token(request):
    request.user = await User.objects.aget(username=request.headers["Token"])
    await get_async_llm_service().generate("Hello")
    return HttpResponse("done")


urlpatterns = [
    *of_the_example,
    path("fail", fail),
    path("afail", afail),
    path("break", break_),
    path("labelled", labelled),
    path("untouched", untouched),
    path("auntouched", auntouched),
    path("by_token", by_token),
    path("aby_token", aby_token),
]
