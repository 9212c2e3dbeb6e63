"""Settings of JobWise on Django."""

from __future__ import annotations

import os

from llm_adapter import Budget

SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "examples.jobwise.web.django_site.urls"
WSGI_APPLICATION = "examples.jobwise.web.django_site.wsgi.application"
USE_TZ = True

INSTALLED_APPS = ["llm_adapter.integrations.django"]
MIDDLEWARE = [
    "examples.jobwise.web.django_site.users.HeaderUserMiddleware",
    "llm_adapter.integrations.django.UsageContextMiddleware",
    "llm_adapter.integrations.django.LLMErrorMiddleware",
]

# Without it Django prints nothing of errors.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"]},
}

# Key and provider come from the environment, such as GROQ_API_KEY and LLM_PROVIDER.
LLM_ADAPTER = {
    # Budgets need a ledger of its own, beside Django's database.
    "LEDGER": os.environ.get("LLM_LEDGER_URL", "sqlite:///llm_usage.db"),
    "BUDGETS": [Budget(tokens=200_000, per="day", user_id="*")],
}
