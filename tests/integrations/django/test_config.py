"""What LLM_ADAPTER may say, and what people are told when it is wrong."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.checks import Warning, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from llm_adapter import Budget, LLMTimeoutError
from llm_adapter.integrations.django import get_llm_service
from llm_adapter.integrations.django._config import load, problems

SECRET = "sk-a-secret"


def found(**keys):
    """Codes and words of what is wrong."""
    with override_settings(LLM_ADAPTER=keys):
        return [(each.code, f"{each.message} {each.hint}") for each in problems()]


def codes(**keys):
    return [code for code, _ in found(**keys)]


def test_a_whole_setting_has_no_problem(tmp_path):
    assert not found(
        PROVIDER="groq:openai/gpt-oss-20b",
        API_KEY=SECRET,
        BASE_URL="http://localhost:1/v1",
        MODEL="openai/gpt-oss-20b",
        TIMEOUT=3.5,
        MAX_RETRIES=0,
        CACHE="memory://",
        CACHE_TTL=60,
        LEDGER=f"sqlite:///{tmp_path}/ledger.db",
        LEDGER_DATABASE="default",
        LEDGER_IMMEDIATE=False,
        JOURNAL=tmp_path,
        BUDGETS=[Budget(50, per="month")],
        MONITORING=True,
        WORKFLOWS={"ranking": {"model": "openai/gpt-oss-20b"}},
        WRAP="examples.web.django_project.views.ask",
        ERRORS={LLMTimeoutError: 503},
    )


@pytest.mark.parametrize("provider", ["mock", "local", "groq"])
def test_a_provider_and_its_key_are_enough(provider):
    assert not found(PROVIDER=provider, API_KEY=SECRET)


def test_setting_that_is_no_dictionary_is_told():
    with override_settings(LLM_ADAPTER="groq"):
        [problem] = problems()
    assert problem.code == "E001"


@pytest.mark.parametrize(
    ("key", "meant"), [("PROVIDERS", "'PROVIDER'"), ("timeout", "'TIMEOUT'")]
)
def test_unknown_key_names_the_one_that_was_meant(key, meant):
    [(code, said)] = found(**{key: 1})
    assert code == "E002"
    assert f"Did you mean {meant}?" in said


def test_unknown_key_that_is_like_none_names_them_all():
    [(code, said)] = found(zzz=1)
    assert code == "E002"
    assert "There are PROVIDER, API_KEY" in said


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("PROVIDER", 7),
        ("PROVIDER", "groq:\ud800"),
        ("MODEL", b"m"),
        ("MODEL", " "),
        ("MODEL", "a\nb"),
        ("TIMEOUT", 0),
        ("TIMEOUT", "30"),
        ("TIMEOUT", True),
        ("TIMEOUT", float("inf")),
        ("MAX_RETRIES", -1),
        ("MAX_RETRIES", True),
        ("CACHE_TTL", -1),
        ("LEDGER_DATABASE", "nowhere"),
        ("LEDGER_IMMEDIATE", 1),
        ("JOURNAL", 7),
        ("BUDGETS", Budget(5)),
        ("BUDGETS", "all"),
        ("BUDGETS", [5]),
        ("MONITORING", "yes"),
        ("WRAP", 7),
        ("WORKFLOWS", ["ranking"]),
        ("WORKFLOWS", {"ranking": {"modell": "x"}}),
        ("ERRORS", [LLMTimeoutError]),
        ("ERRORS", {ValueError: 500}),
        ("ERRORS", {LLMTimeoutError: 200}),
    ],
)
def test_wrong_value_is_told_with_the_value(key, value):
    [(code, said)] = (
        found(PROVIDER="mock", **{key: value})
        if key != "PROVIDER"
        else (found(PROVIDER=value))
    )
    assert code == "E003"
    assert f"LLM_ADAPTER[{key!r}] is {value!r:.80}" in said


@pytest.mark.parametrize("key", ["API_KEY", "BASE_URL", "CACHE", "LEDGER"])
def test_value_that_may_be_secret_is_not_told(key):
    [(code, said)] = found(**{key: [SECRET]})
    assert code == "E003"
    assert SECRET not in said
    assert "is a list" in said


@pytest.mark.parametrize(
    "keys",
    [
        {"PROVIDER": "grok"},
        {"PROVIDER": "groq:"},
        {"BASE_URL": f"http://me:{SECRET}@host"},
        {"API_KEY": f"{SECRET} "},
        {"CACHE": f"redi://me:{SECRET}@host"},
        {"LEDGER": f"mysql://me:{SECRET}@host/database"},
    ],
)
def test_value_that_cannot_be_used_is_told_without_secrets(keys):
    [(code, said)] = found(**{"API_KEY": "any", **keys})
    assert code == "E005"
    assert SECRET not in said


def test_wrap_that_cannot_be_imported_is_told():
    assert codes(PROVIDER="mock", WRAP="nowhere.to_be_found") == ["E004"]


def test_environment_that_cannot_be_read_is_told(monkeypatch):
    monkeypatch.setenv("LLM_MAX_RETRIES", "many")
    [(code, said)] = found(PROVIDER="mock")
    assert code == "E005"
    assert "LLM_MAX_RETRIES" in said


@pytest.mark.parametrize("ledger", ["django", None])
def test_budgets_need_a_ledger_that_reserves(ledger):
    assert codes(PROVIDER="mock", LEDGER=ledger, BUDGETS=[Budget(5)]) == ["E006"]


def test_ledger_in_django_needs_the_app():
    others = [each for each in settings.INSTALLED_APPS if "llm_adapter" not in each]
    with override_settings(INSTALLED_APPS=others):
        [(code, said)] = found(PROVIDER="mock", LEDGER="django")
        assert codes(PROVIDER="mock", LEDGER=None) == []
    assert code == "E007"
    assert "Add 'llm_adapter.integrations.django' to INSTALLED_APPS" in said


def test_ledger_without_the_app_is_told_when_a_service_is_needed():
    others = [each for each in settings.INSTALLED_APPS if "llm_adapter" not in each]
    given = {"PROVIDER": "mock", "LEDGER": "django"}
    missing = pytest.raises(ImproperlyConfigured, match="INSTALLED_APPS")
    with override_settings(INSTALLED_APPS=others, LLM_ADAPTER=given), missing:
        get_llm_service()


def test_missing_key_is_a_warning_that_names_the_variable():
    [(code, said)] = found(PROVIDER="groq")
    assert code == "W001"
    assert "GROQ_API_KEY" in said


def test_key_may_be_an_authorization_token(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "any")
    assert not found(PROVIDER="anthropic")


def test_missing_key_is_told_again_when_a_service_is_needed():
    missing = pytest.raises(ImproperlyConfigured, match="GROQ_API_KEY")
    with override_settings(LLM_ADAPTER={}), missing:
        get_llm_service()


def test_every_problem_is_told_when_a_service_is_needed():
    both = pytest.raises(ImproperlyConfigured, match=r"(?s)PROVIDERS.*TIMEOUT")
    with override_settings(LLM_ADAPTER={"TIMEOUT": 0, "PROVIDERS": "groq"}), both:
        get_llm_service()


# -- the environment ------------------------------------------------------------------


def loaded(**keys):
    with override_settings(LLM_ADAPTER=keys):
        return load()


def test_environment_says_what_the_setting_leaves_open(monkeypatch):
    monkeypatch.setenv("LLM_PROVIDER", "mock")
    monkeypatch.setenv("LLM_CACHE_URL", "memory://")
    monkeypatch.setenv("LLM_LEDGER_URL", "django")
    config = loaded()
    assert (config.settings.provider, config.cache) == ("mock", "memory://")
    assert config.ledger == "django"


def test_none_switches_off_what_the_environment_names(monkeypatch):
    monkeypatch.setenv("LLM_CACHE_URL", "memory://")
    monkeypatch.setenv("LLM_LEDGER_URL", "django")
    config = loaded(PROVIDER="mock", CACHE=None, LEDGER="")
    assert not config.cache
    assert not config.ledger


def test_key_that_is_none_or_empty_is_left_to_the_environment(monkeypatch):
    monkeypatch.setenv("GROQ_API_KEY", "any")
    assert loaded(PROVIDER=None, API_KEY="", TIMEOUT=None).options == {}


def test_repr_of_the_configuration_shows_no_secret():
    config = loaded(API_KEY=SECRET, CACHE=f"redis://me:{SECRET}@host")
    assert SECRET not in repr(config)


# -- manage.py check ------------------------------------------------------------------


def checked():
    return [each for each in run_checks() if (each.id or "").startswith("llm_adapter")]


def test_check_tells_what_is_wrong():
    with override_settings(LLM_ADAPTER={"PROVIDER": "mock", "TIMEOUT": 0}):
        [message] = checked()
    assert message.id == "llm_adapter.E003"
    assert message.hint.startswith("Set it to seconds above zero")


@pytest.mark.parametrize("path", ["", ".middleware"])
def test_check_warns_of_middleware_that_sees_no_users(path):
    below = "django.contrib.auth.middleware.AuthenticationMiddleware"
    middleware = [
        f"llm_adapter.integrations.django{path}.UsageContextMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        below,
        "django.contrib.messages.middleware.MessageMiddleware",
    ]
    with override_settings(LLM_ADAPTER={"PROVIDER": "mock"}, MIDDLEWARE=middleware):
        [message] = checked()
    assert isinstance(message, Warning)
    assert message.id == "llm_adapter.W002"


def test_check_is_content_with_the_example():
    with override_settings(LLM_ADAPTER={"PROVIDER": "mock"}):
        assert checked() == []
