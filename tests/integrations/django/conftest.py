"""A Django project in this process; its databases, a provider, and what it is told."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch
from urllib.parse import urlsplit

import django
import pytest
from django.conf import settings

from llm_adapter.testing.emulator import Emulator
from tests.services.postgres_server import postgres as postgres
from tests.services.postgres_server import postgres_url as postgres_url
from tests.services.postgres_server import running_postgres as running_postgres

_FOLDER = TemporaryDirectory(prefix="django-")
OTHER = "postgres"
KEY = "gsk_a_secret_of_groq"


def sqlite_database(path):
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
    }


def postgres_database(url):
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "USER": parts.username,
        "PASSWORD": parts.password,
        "HOST": parts.hostname,
        "PORT": str(parts.port),
    }


def _configure():
    """Once for the process, since models cannot be imported before."""
    with patch.dict("os.environ", DJANGO_SECRET_KEY="a secret of Django"):
        from examples.web.django_project import settings as example
    settings.configure(
        **{
            **{name: getattr(example, name) for name in dir(example) if name.isupper()},
            "ALLOWED_HOSTS": ["*"],
            "DATABASES": {"default": sqlite_database(Path(_FOLDER.name) / "db")},
            "LLM_ADAPTER": {},
            "LOGGING_CONFIG": None,
            "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
            "ROOT_URLCONF": "tests.integrations.django.project_urls",
        }
    )
    django.setup()


if not settings.configured:
    _configure()


@pytest.fixture(scope="session")
def migrated():
    """The tables in the file."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


@pytest.fixture(autouse=True)
def project(migrated):
    """Nothing is booked, and no service is left behind."""
    from django.contrib.auth.models import User
    from django.db import connections

    from llm_adapter.integrations.django import close_llm_services
    from llm_adapter.integrations.django.models import LLMUsage

    LLMUsage.objects.all().delete()
    User.objects.all().delete()
    yield
    close_llm_services()
    connections.close_all()


@pytest.fixture
def file_alias():
    return "default"


@pytest.fixture(scope="session")
def migrated_postgres(running_postgres):
    """A database of its own that has the tables."""
    from django.core.management import call_command
    from django.db import connections

    database = postgres_database(running_postgres.new_database())
    given = {**connections.settings, OTHER: database}
    connections.settings[OTHER] = connections.configure_settings(given)[OTHER]
    call_command("migrate", verbosity=0, database=OTHER)
    connections[OTHER].close()
    yield database
    del connections[OTHER]
    del connections.settings[OTHER]


@pytest.fixture
def postgres_alias(postgres, migrated_postgres):
    """Of a PostgreSQL in which nothing is booked."""
    from llm_adapter.integrations.django import close_llm_services
    from llm_adapter.integrations.django.models import LLMUsage

    LLMUsage.objects.using(OTHER).all().delete()
    yield OTHER
    close_llm_services()


@pytest.fixture(params=["file", "postgres"])
def alias(request):
    """Of a database of each kind."""
    return request.getfixturevalue(f"{request.param}_alias")


@pytest.fixture
def emulator():
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def configured(emulator, tmp_path):
    """Says what LLM_ADAPTER has, beside a provider and a journal."""
    from django.test import override_settings

    usual = {
        "PROVIDER": "groq",
        "API_KEY": KEY,
        "BASE_URL": emulator.base_url("groq"),
        "JOURNAL": tmp_path / "journal",
        "MAX_RETRIES": 0,
        "WORKFLOWS": {"questions": {}, "stories": {}},
    }
    made = []

    def configure(**keys):
        override = override_settings(LLM_ADAPTER={**usual, **keys})
        override.enable()
        made.append(override)

    configure()
    yield configure
    for each in reversed(made):
        each.disable()


@pytest.fixture
def run():
    """Runs a command of manage.py: what it prints."""
    from django.core.management import call_command

    def run(name, *arguments):
        out = io.StringIO()
        call_command(name, *arguments, stdout=out, stderr=out, no_color=True)
        return out.getvalue()

    return run
