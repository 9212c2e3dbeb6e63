"""What servers of the tests do beside the example."""

from __future__ import annotations

import os

from asgiref.sync import iscoroutinefunction
from django.utils.decorators import sync_and_async_middleware

from llm_adapter.integrations.django import get_async_llm_service, get_llm_service


def preloaded():
    """The example, whose services have been used before gunicorn forks."""
    from examples.web.django_project.wsgi import application

    get_llm_service().generate("Before the fork")
    get_async_llm_service()
    return application


@sync_and_async_middleware
def tell(get_response):
    """Each response has the number of its process."""

    def told(response):
        response.headers["X-Process"] = str(os.getpid())
        return response

    async def aanswer(request):
        return told(await get_response(request))

    def answer(request):
        return told(get_response(request))

    return aanswer if iscoroutinefunction(get_response) else answer
