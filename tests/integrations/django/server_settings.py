"""The example's settings, with what a test says in PROJECT."""

from __future__ import annotations

import json
import os

from examples.web.django_project.settings import *  # noqa: F403 - as Django has it
from examples.web.django_project.settings import LLM_ADAPTER as OF_THE_EXAMPLE
from examples.web.django_project.settings import MIDDLEWARE as OF_THE_REQUEST

_PROJECT = json.loads(os.environ.get("PROJECT", "{}"))
DATABASES = {"default": _PROJECT.get("database", {})}
LLM_ADAPTER = {**OF_THE_EXAMPLE, **_PROJECT.get("llm", {})}
MIDDLEWARE = [*OF_THE_REQUEST, "tests.integrations.django.server_process.tell"]
