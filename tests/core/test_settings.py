from __future__ import annotations

import copy
import os
import pickle
import re
from contextlib import suppress
from pathlib import Path

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llm_adapter import LLMConfigurationError, Settings
from llm_adapter.providers import PROVIDERS
from llm_adapter.settings import OTHER_VARIABLES

SECRET = "gsk_hidden91"
KEYS = {
    "GROQ_API_KEY": "groq_api_key",
    "OPENAI_API_KEY": "openai_api_key",
    "ANTHROPIC_API_KEY": "anthropic_api_key",
    "LOCAL_LLM_API_KEY": "local_llm_api_key",
}
URLS = {
    "GROQ_BASE_URL": "groq_base_url",
    "OPENAI_BASE_URL": "openai_base_url",
    "ANTHROPIC_BASE_URL": "anthropic_base_url",
    "LOCAL_LLM_BASE_URL": "local_llm_base_url",
}
NAMES = {"LLM_PROVIDER": "provider", "LLM_MODEL": "model"}
PLACES = {
    "LLM_CACHE_URL": "cache_url",
    "LLM_WORKFLOWS_FILE": "workflows_file",
    "LLM_PRICES_FILE": "prices_file",
}
NUMBERS = {
    "LLM_DEFAULT_TEMPERATURE": "default_temperature",
    "LLM_DEFAULT_MAX_TOKENS": "default_max_tokens",
    "LLM_MAX_RETRIES": "max_retries",
    "LLM_TIMEOUT_SECONDS": "timeout_seconds",
}
VARIABLES = {**NAMES, **KEYS, **URLS, **PLACES, **NUMBERS}
ALLOWED = {
    "LLM_PROVIDER": "a provider's name",
    "LLM_MODEL": "a model's name",
    "LLM_DEFAULT_TEMPERATURE": "a number >= 0",
    "LLM_DEFAULT_MAX_TOKENS": "a whole number >= 1",
    "LLM_MAX_RETRIES": "a whole number >= 0",
    "LLM_TIMEOUT_SECONDS": "a number of seconds > 0",
}


def read(**environ):
    return Settings.from_env(environ, dotenv=None)


# -- the environment ------------------------------------------------------------------


def test_empty_environment_gives_the_documented_defaults():
    assert read() == Settings(
        provider="groq",
        model=None,
        default_temperature=None,
        default_max_tokens=None,
        max_retries=3,
        timeout_seconds=60.0,
    )


@pytest.mark.parametrize(("variable", "name"), (KEYS | URLS | NAMES | PLACES).items())
def test_text_is_taken_as_it_stands(variable, name):
    assert getattr(read(**{variable: "a/b c"}), name) == "a/b c"


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("LLM_DEFAULT_TEMPERATURE", "0", 0.0),
        ("LLM_DEFAULT_TEMPERATURE", " 0.7 ", 0.7),
        ("LLM_DEFAULT_MAX_TOKENS", "1", 1),
        ("LLM_MAX_RETRIES", "0", 0),
        ("LLM_MAX_RETRIES", "5", 5),
        ("LLM_TIMEOUT_SECONDS", "1.5", 1.5),
        ("LLM_TIMEOUT_SECONDS", "120", 120.0),
    ],
)
def test_numbers_are_read(variable, text, value):
    assert getattr(read(**{variable: text}), NUMBERS[variable]) == value


@pytest.mark.parametrize(("variable", "name"), VARIABLES.items())
def test_empty_variable_is_as_good_as_none(variable, name):
    assert getattr(read(**{variable: ""}), name) == getattr(Settings(), name)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        *(
            (name, text)
            for name in NUMBERS
            for text in ("many", " ", "-1", "nan", "1e")
        ),
        ("LLM_DEFAULT_TEMPERATURE", "inf"),
        ("LLM_DEFAULT_TEMPERATURE", "1e999"),
        ("LLM_DEFAULT_TEMPERATURE", "0,7"),
        ("LLM_DEFAULT_MAX_TOKENS", "0"),
        ("LLM_DEFAULT_MAX_TOKENS", "2000.0"),
        ("LLM_MAX_RETRIES", "1.5"),
        ("LLM_MAX_RETRIES", "-0.0"),
        ("LLM_TIMEOUT_SECONDS", "0"),
        ("LLM_TIMEOUT_SECONDS", "-inf"),
        ("LLM_TIMEOUT_SECONDS", "60s"),
        ("LLM_PROVIDER", "  "),
        ("LLM_MODEL", "\t"),
        ("LLM_MODEL", "gpt-oss\r"),
        ("LLM_MODEL", "\udcff"),
    ],
)
def test_unreadable_value_names_variable_value_and_what_is_allowed(variable, text):
    expected = f"{variable} is {text!r}: set it to {ALLOWED[variable]}, or remove it."
    with pytest.raises(LLMConfigurationError, match=f"^{re.escape(expected)}$"):
        read(**{variable: text})


@pytest.mark.parametrize("variable", ["LLM_MAX_RETRIES", "LLM_DEFAULT_MAX_TOKENS"])
def test_number_of_5000_digits_is_refused_in_a_short_message(variable):
    with pytest.raises(LLMConfigurationError, match="is '99999") as caught:
        read(**{variable: "9" * 5000})
    assert len(str(caught.value)) < 200


texts = st.text(st.characters(exclude_characters="\x00"), max_size=12)
numerals = st.floats().map(str) | st.integers().map(str)
environments = st.fixed_dictionaries(
    {}, optional=dict.fromkeys((*NAMES, *URLS, *PLACES, *NUMBERS), texts | numerals)
)


@given(environments, st.sets(st.sampled_from(list(KEYS))))
@example({"LLM_MODEL": "\ud800"}, set(KEYS))
def test_any_environment_gives_settings_or_an_error_that_names_the_variable(
    environ, keys
):
    secrets = dict.fromkeys(keys, SECRET)
    try:
        settings = read(**environ, **secrets)
    except LLMConfigurationError as error:
        variable, _, rest = str(error).partition(" is ")
        assert rest.startswith(f"{environ[variable]!r}: set it to {ALLOWED[variable]}")
        assert SECRET not in str(error) + repr(error)
    else:
        assert SECRET not in repr(settings)
        assert settings.max_retries >= 0
        assert 0 < settings.timeout_seconds < float("inf")
        for name in keys:
            assert settings.variable(name) == SECRET


def test_process_environment_is_the_default(monkeypatch):
    monkeypatch.setenv("LLM_MODEL", "from-process")
    assert Settings.from_env(dotenv=None).model == "from-process"


def test_variables_of_others_are_ignored():
    assert read(LLM_MAX_RETRIES_="x", PATH="/bin", MODEL="m") == Settings()


# -- the file .env --------------------------------------------------------------------


@pytest.fixture
def dotenv(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".env"


def test_dotenv_of_the_current_directory_is_read(dotenv):
    dotenv.write_text(
        "# ours\nexport LLM_PROVIDER=mock\nLLM_MODEL='a b'\n"
        'GROQ_API_KEY="gsk_1"\nLLM_MAX_RETRIES=0 # none\nLLM_TIMEOUT_SECONDS\n'
    )
    assert Settings.from_env() == Settings(
        provider="mock", model="a b", groq_api_key="gsk_1", max_retries=0
    )


def test_environment_wins_over_dotenv(dotenv):
    dotenv.write_text("LLM_MODEL=file\nLLM_MAX_RETRIES=1\n")
    settings = Settings.from_env({"LLM_MODEL": "environment"})
    assert (settings.model, settings.max_retries) == ("environment", 1)


def test_dotenv_is_left_alone_when_told_so(dotenv):
    dotenv.write_text("LLM_MODEL=file\n")
    assert Settings.from_env({}, dotenv=None).model is None


def test_reading_dotenv_leaves_the_environment_as_it_is(dotenv):
    dotenv.write_text("LLM_MODEL=file\n")
    before = dict(os.environ)
    Settings.from_env()
    assert dict(os.environ) == before


def test_another_file_may_be_named(tmp_path):
    path = tmp_path / "production.env"
    path.write_text("LLM_MODEL=ünïcode\n", encoding="utf-8")
    assert Settings.from_env({}, dotenv=path).model == "ünïcode"
    assert Settings.from_env({}, dotenv=str(path)).model == "ünïcode"


def test_byte_order_mark_of_an_editor_does_not_hide_the_first_variable(dotenv):
    dotenv.write_bytes(b"\xef\xbb\xbfLLM_MODEL=first\r\n")
    assert Settings.from_env().model == "first"


def test_missing_dotenv_is_no_error(dotenv):
    assert Settings.from_env() == Settings()


def test_directory_named_dotenv_is_somebody_elses(dotenv):
    """Some keep their virtual environment there."""
    dotenv.mkdir()
    assert Settings.from_env() == Settings()


def test_dotenv_that_is_not_utf_8_is_named_without_its_content(dotenv):
    dotenv.write_bytes(f"GROQ_API_KEY={SECRET}".encode() + b"\xff\n")
    with pytest.raises(
        LLMConfigurationError,
        match=r"^The settings file '\.env' cannot be read: .*0xff",
    ) as caught:
        Settings.from_env()
    assert SECRET not in str(caught.value)


@pytest.fixture
def unreadable(tmp_path):
    memory = Path("/proc/self/mem")  # not even root can read it at its beginning
    if memory.exists():
        return memory
    path = tmp_path / "unreadable.env"
    path.touch(mode=0)
    return path


def test_dotenv_that_cannot_be_read_is_named(unreadable):
    expected = f"^The settings file '{unreadable}' cannot be read: "
    with pytest.raises(LLMConfigurationError, match=expected):
        Settings.from_env({}, dotenv=unreadable)


def test_name_that_no_file_can_have_is_missing_or_an_error_of_ours():
    with suppress(LLMConfigurationError):
        assert Settings.from_env({}, dotenv="x" * 300) == Settings()


@given(st.binary(max_size=60))
@example(b"LLM_MODEL=\x00")
@example(b"=\n= =\nLLM_MODEL==\n'")
def test_any_dotenv_gives_settings_or_an_error_of_ours(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "arbitrary.env"
    path.write_bytes(content)
    with suppress(LLMConfigurationError):
        assert isinstance(Settings.from_env({}, dotenv=path), Settings)


# -- secrets --------------------------------------------------------------------------


@pytest.mark.parametrize("name", KEYS.values())
def test_key_is_not_shown(name):
    assert SECRET not in repr(Settings(**{name: SECRET}))


@pytest.mark.parametrize("name", URLS.values())
@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{SECRET}@example.com/v1",
        f"https://me:a@{SECRET}@example.com/v1",
        f"me:{SECRET}@example.com/v1",
        f"https://example.com/v1?key={SECRET}",
        f"https://example.com/v1#{SECRET}",
    ],
)
def test_secret_in_a_base_url_is_not_shown(name, url):
    text = repr(Settings(**{name: url}))
    assert SECRET not in text
    assert "example.com/v1" in text


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}@cache.example:6379/0",
        f"rediss://me:{SECRET}@cache.example",
        f"redis://:/{SECRET}@cache.example/0",
        f"redis://:#{SECRET}@cache.example/0",
        f"redis://:?{SECRET}@cache.example/0",
        f"redis://:{SECRET}@{SECRET}@cache.example/0",
        f"redis://cache.example/0?password={SECRET}",
    ],
)
def test_secret_in_the_url_of_a_cache_is_not_shown(url):
    text = repr(Settings(cache_url=url))
    assert SECRET not in text
    assert "cache.example" in text


def test_the_file_of_a_cache_is_shown():
    assert "cache_url='sqlite:///a/b.db'" in repr(
        Settings(cache_url="sqlite:///a/b.db")
    )


def test_settings_are_not_pickled_because_they_hold_keys():
    with pytest.raises(TypeError, match=r"call Settings\.from_env\(\) where"):
        pickle.dumps(Settings(groq_api_key=SECRET))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_settings_are_frozen_and_so_their_own_copy(copied):
    settings = Settings(groq_api_key=SECRET)
    assert copied(settings) is settings


def test_settings_are_evolved_like_any_value():
    assert attrs.evolve(Settings(), max_retries=0).max_retries == 0


def test_unknown_variable_has_no_value():
    assert Settings(groq_api_key=SECRET).variable("MISTRAL_API_KEY") is None


# -- workflows -----------------------------------------------------------------------


def test_models_of_workflows_are_kept_by_their_variables(dotenv):
    dotenv.write_text("LLM_MODEL_A=of-file\nLLM_MODEL_B=of-file\nLLM_MODEL=m\n")
    settings = Settings.from_env({"LLM_MODEL_A": "groq:a", "LLM_MODEL_C": ""})
    assert settings.workflow_models == {
        "LLM_MODEL_A": "groq:a",
        "LLM_MODEL_B": "of-file",
    }


# -- further providers ----------------------------------------------------------------


@pytest.mark.parametrize("name", OTHER_VARIABLES)
def test_variables_of_further_providers_are_read_by_their_names(name):
    settings = read(**{name: SECRET})
    assert settings.variable(name) == SECRET
    assert SECRET not in repr(settings)


def test_variables_that_no_provider_names_are_not_kept():
    settings = read(ACME_API_KEY=SECRET, MISTRAL_API_KEY="")
    assert settings.variable("ACME_API_KEY") is None
    assert settings.others == {}


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
def test_every_variable_that_a_provider_names_can_be_read(provider):
    named = [provider.key_variable, provider.url_variable, provider.token_variable]
    for name in filter(None, [*named, *provider.header_variables.values()]):
        assert read(**{name: "value"}).variable(name) == "value"
