"""System checks: what `manage.py check` says of our settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from ._config import Problem, problems

_USAGE = "llm_adapter.integrations.django.UsageContextMiddleware"
_USAGE_IN_FULL = "llm_adapter.integrations.django.middleware.UsageContextMiddleware"
_LOGIN = "django.contrib.auth.middleware.AuthenticationMiddleware"


def check_settings(**options: Any) -> list[CheckMessage]:
    """What is wrong with LLM_ADAPTER and with the order of MIDDLEWARE."""
    return [_message(each) for each in (*problems(), *_of_middleware())]


def _message(problem: Problem) -> CheckMessage:
    kind = Error if problem.is_fatal else Warning
    return kind(problem.message, hint=problem.hint, id=f"llm_adapter.{problem.code}")


def _of_middleware() -> Iterator[Problem]:
    places = {name: place for place, name in enumerate(settings.MIDDLEWARE)}
    usage = places.get(_USAGE, places.get(_USAGE_IN_FULL))
    if usage is not None and usage < places.get(_LOGIN, -1):
        yield Problem(
            "W002",
            "UsageContextMiddleware comes before AuthenticationMiddleware, so that it "
            "sees no users.",
            "Put it below AuthenticationMiddleware in MIDDLEWARE.",
        )
