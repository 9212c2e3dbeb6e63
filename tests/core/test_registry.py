from __future__ import annotations

import re
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import (
    AsyncLLMService,
    AsyncMockLLMService,
    LLMConfigurationError,
    LLMService,
    MockLLMService,
)
from llm_adapter._registry import (
    check_registration,
    installed_adapter,
    installed_names,
    split_name,
    unknown_provider,
)

BOTH_FORMS = """
    from llm_adapter import AsyncMockLLMService, LLMService, MockLLMService

    class Base(LLMService):
        '''Abstract, so nobody's adapter.'''

    class Sync(MockLLMService):
        pass

    class Async(AsyncMockLLMService):
        pass
"""


# -- names ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("groq", ("groq", None)),
        ("Groq", ("groq", None)),
        (" groq ", ("groq", None)),
        ("groq:openai/gpt-oss-20b", ("groq", "openai/gpt-oss-20b")),
        ("GROQ : Llama-3 ", ("groq", "Llama-3")),
        ("local:qwen3:8b", ("local", "qwen3:8b")),
    ],
)
def test_name_may_bring_a_model(provider, expected):
    assert split_name(provider) == expected


@pytest.mark.parametrize("provider", ["", "  ", ":", ":model", "groq:", "groq:  "])
def test_half_a_name_shows_how_names_are_written(provider):
    expected = (
        f"The provider is {provider!r}: write a name such as 'groq', or a name and a "
        "model such as 'groq:openai/gpt-oss-20b'."
    )
    with pytest.raises(LLMConfigurationError, match=f"^{re.escape(expected)}$"):
        split_name(provider)


@pytest.mark.parametrize("provider", [None, 5, b"groq"])
def test_name_of_another_type_is_a_type_error(provider):
    kind = type(provider).__name__
    with pytest.raises(TypeError, match=f"^provider must be a string, not {kind}$"):
        split_name(provider)


@given(st.text(max_size=20))
def test_arbitrary_name_is_split_or_refused(provider):
    try:
        name, model = split_name(provider)
    except LLMConfigurationError:
        return
    assert name == name.strip().lower() != ""
    assert model is None or model == model.strip() != ""


def test_unknown_provider_names_the_known_ones_in_order():
    error = unknown_provider("mistal", {"groq", "Ours", "mock"})
    assert str(error).startswith(
        "Unknown LLM provider 'mistal'. Known are: Ours, groq, mock. "
        "Set LLM_PROVIDER to one of them, or register an adapter of your own."
    )
    assert error.provider == "mistal"


# -- registration ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ours", " Ours ", "OURS"])
def test_registered_name_is_kept_in_the_form_that_is_looked_up(name):
    assert check_registration(name, MockLLMService, LLMService) == "ours"


@pytest.mark.parametrize(
    ("name", "kind", "error", "message"),
    [
        (5, MockLLMService, TypeError, "name must be a string, not int"),
        (
            "",
            MockLLMService,
            ValueError,
            "the name is '': use a word without a colon",
        ),
        (
            "a:b",
            MockLLMService,
            ValueError,
            "the name is 'a:b': use a word without a colon",
        ),
        (
            "ours",
            AsyncMockLLMService,
            TypeError,
            f"{AsyncMockLLMService!r} is not a subclass of LLMService: the sync and "
            "the async factory each take adapters of their own form",
        ),
        (
            "ours",
            dict,
            TypeError,
            "<class 'dict'> is not a subclass of LLMService: the sync and "
            "the async factory each take adapters of their own form",
        ),
        (
            "ours",
            "Ours",
            TypeError,
            "'Ours' is not a subclass of LLMService: the sync and "
            "the async factory each take adapters of their own form",
        ),
    ],
)
def test_unusable_registration_says_why(name, kind, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        check_registration(name, kind, LLMService)


# -- entry points ---------------------------------------------------------------------


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a distribution with entry points, as pip leaves it behind."""

    def install(module, points, source=BOTH_FORMS):
        (tmp_path / f"{module}.py").write_text(dedent(source))
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {module}\nVersion: 1.0\n")
        lines = "\n".join(["[llm_adapter.adapters]", *points])
        (info / "entry_points.txt").write_text(lines)
        monkeypatch.syspath_prepend(tmp_path)

    return install


def test_nothing_is_installed_beside_the_library():
    assert installed_names() == set()
    assert installed_adapter("ours", LLMService) is None


@pytest.mark.parametrize(
    ("port", "name"), [(LLMService, "Sync"), (AsyncLLMService, "Async")]
)
def test_module_serves_both_forms_under_one_name(install, port, name):
    install("both_forms", ["ours = both_forms"])
    found = installed_adapter("ours", port)
    assert (found.__module__, found.__name__) == ("both_forms", name)


def test_entry_point_may_name_the_class(install):
    install("one_class", ["ours = one_class:Sync"])
    assert installed_adapter("ours", LLMService).__name__ == "Sync"


def test_two_entry_points_may_share_a_name(install):
    install("two_points", ["ours = two_points:Async"])
    install("other_point", ["ours = other_point:Sync"])
    assert installed_adapter("ours", LLMService).__module__ == "other_point"
    assert installed_adapter("ours", AsyncLLMService).__module__ == "two_points"


def test_capital_letters_of_an_entry_point_do_not_hide_it(install):
    """`create` looks names up in lower case."""
    install("capitals", ["OurS = capitals"])
    assert installed_names() == {"ours"}
    assert installed_adapter("ours", LLMService).__name__ == "Sync"


def test_installed_names_are_among_the_known_ones(install):
    install("known", ["theirs = known"])
    assert "Known are: groq, theirs." in str(unknown_provider("x", ["groq"]))


def test_known_names_are_listed_without_importing_anybodys_module(install):
    install("broken", ["theirs = broken"], "raise AssertionError('imported')")
    assert installed_names() == {"theirs"}


@pytest.mark.parametrize(
    ("module", "point", "source", "reason"),
    [
        (
            "fails",
            "ours = fails",
            "raise RuntimeError('no GPU')",
            r"\(fails\) cannot be loaded: RuntimeError: no GPU",
        ),
        (
            "lacks",
            "ours = lacks:Missing",
            "",
            r"\(lacks:Missing\) cannot be loaded: AttributeError: ",
        ),
        (
            "needs",
            "ours = needs",
            "import a_module_that_is_not_there",
            r"\(needs\) cannot be loaded: ModuleNotFoundError: .*a_module_that",
        ),
    ],
)
def test_adapter_that_cannot_be_imported_is_a_configuration_error(
    install, module, point, source, reason
):
    install(module, [point], source)
    expected = f"^The installed adapter 'ours' {reason}"
    with pytest.raises(LLMConfigurationError, match=expected) as caught:
        installed_adapter("ours", LLMService)
    assert caught.value.__cause__ is not None
    assert caught.value.provider == "ours"


@pytest.mark.parametrize(
    ("module", "point", "source"),
    [
        ("one_form", "ours = one_form:Async", BOTH_FORMS),
        ("no_class", "ours = no_class:x", "x = 5"),
        ("imports_only", "ours = imports_only", "from llm_adapter import LLMService"),
        (
            "abstract",
            "ours = abstract",
            """
            from llm_adapter import LLMService

            class Base(LLMService):
                pass
            """,
        ),
    ],
)
def test_adapter_without_the_form_that_is_needed_says_so(
    install, module, point, source
):
    install(module, [point], source)
    with pytest.raises(
        LLMConfigurationError,
        match=rf"^The installed adapter 'ours' \({module}.*\) has no subclass of "
        "LLMService: it may exist in the other form, sync or async, only",
    ):
        installed_adapter("ours", LLMService)
