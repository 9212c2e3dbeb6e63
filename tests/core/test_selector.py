"""Which model does a workflow: sources, defaults that fit, overrides."""

from __future__ import annotations

import contextvars
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import (
    LLMConfigurationError,
    LLMRequest,
    ModelConfig,
    ModelSelector,
    Settings,
)
from llm_adapter._call import client, prepare
from llm_adapter._lineups import LINEUPS, TASKS
from llm_adapter._siblings import Family
from llm_adapter._wire.traits import holds
from llm_adapter.providers import PROVIDERS
from tests.concurrency import fan_out

RANKING, LETTER = "content_ranking", "cover_letter_generation"
STYLE, PROFILE = "writing_style_extraction", "profile_enhancement"


def selector(configs=None, file=None, **environ):
    return ModelSelector(configs, file=file, environ=environ, dotenv=None)


@pytest.fixture
def toml(tmp_path):
    def write(text):
        path = tmp_path / "workflows.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


# -- the built-in workflows -----------------------------------------------------------

BUILT_IN = {
    "groq": [
        ("openai/gpt-oss-20b", 0.3, 1500, "low"),
        ("openai/gpt-oss-120b", 0.4, 2000, "medium"),
        ("openai/gpt-oss-20b", 0.3, 2500, "low"),
        ("openai/gpt-oss-120b", 0.5, 3000, "medium"),
    ],
    "openai": [
        ("gpt-6-luna", None, 5500, "low"),
        ("gpt-6.1-sol", None, 6000, "medium"),
        ("gpt-6-luna", None, 6500, "low"),
        ("gpt-6.1-sol", None, 7000, "medium"),
    ],
    "anthropic": [
        ("claude-haiku-5-5", None, 5500, "low"),
        ("claude-sonnet-5-5", None, 6000, "medium"),
        ("claude-haiku-5-5", None, 6500, "low"),
        ("claude-sonnet-5-5", None, 7000, "medium"),
    ],
    "local": [
        (None, 0.3, 5500, None),
        (None, 0.4, 6000, None),
        (None, 0.3, 6500, None),
        (None, 0.5, 7000, None),
    ],
    # Nothing is known of an adapter that is not ours.
    "echo": [
        (None, 0.3, 1500, None),
        (None, 0.4, 2000, None),
        (None, 0.3, 2500, None),
        (None, 0.5, 3000, None),
    ],
}


def values(config):
    return (
        config.model,
        config.temperature,
        config.max_tokens,
        config.reasoning_effort,
    )


@pytest.mark.parametrize("provider", BUILT_IN)
def test_each_provider_has_its_lineup(provider):
    configs = [selector().get_config(name, provider) for name in TASKS]
    assert [values(config) for config in configs] == BUILT_IN[provider]
    assert {config.provider for config in configs} == {provider}


def test_other_providers_do_everything_with_their_default_model():
    for name in PROVIDERS.keys() - LINEUPS.keys():
        models = {selector().get_config(each, name).model for each in TASKS}
        assert models == {PROVIDERS[name].default_model}


def test_every_built_in_workflow_says_what_it_is_for():
    assert selector().get_config(PROFILE).description == "High-quality text generation"


@pytest.mark.parametrize(
    ("environ", "provider"),
    [
        ({}, "groq"),
        ({"LLM_PROVIDER": " OpenAI"}, "openai"),
        ({"LLM_PROVIDER": "anthropic:claude-opus-5-5"}, "anthropic"),
        ({"LLM_PROVIDER": "mock"}, "mock"),
    ],
)
def test_the_provider_is_that_of_the_environment(environ, provider):
    assert selector(**environ).get_config(RANKING).provider == provider


@pytest.mark.parametrize(
    "environ",
    [
        {"LLM_MODEL": "qwen/qwen3.8-27b"},
        {"LLM_PROVIDER": "groq:qwen/qwen3.8-27b", "LLM_MODEL": "other"},
    ],
)
def test_a_model_of_the_environment_stands_before_the_built_in_ones(environ):
    one = selector(**environ)
    assert one.get_config(RANKING).model == "qwen/qwen3.8-27b"
    assert one.get_config(RANKING, "openai").model == "gpt-6-luna"


def test_known_workflows_are_listed():
    assert selector({"translation": {}}).workflows() == (*TASKS, "translation")


def test_an_unknown_workflow_is_named_with_the_known_ones():
    with pytest.raises(LLMConfigurationError, match=f"'ranking'.*{STYLE}, {PROFILE}"):
        selector().get_config("ranking")


# -- a default never breaks a call ----------------------------------------------------


def models_of(provider):
    """All that its catalogue knows, and what it takes by itself."""
    texts = [model.id for model in provider.models if "embed" not in model.id]
    return [provider.default_model, *texts]


EVERY = [
    pytest.param(name, model, id=f"{name}-{model}")
    for name, provider in PROVIDERS.items()
    for model in models_of(provider)
]


def taken(config):
    """The call that a model would be sent for a config."""
    provider = PROVIDERS[config.provider]
    settings = Settings(local_llm_base_url="http://localhost/v1")
    adapter = client(
        provider,
        settings,
        api_key="any",
        base_url="http://localhost/v1",
        model="of-nobody" if config.provider == "azure" else None,
        timeout=None,
        max_retries=None,
    )
    return prepare(
        adapter,
        LLMRequest(
            "Hi",
            model=config.model,
            temperature=config.temperature,
            max_tokens=config.max_tokens,
            reasoning_effort=config.reasoning_effort,
        ),
    )


@pytest.mark.parametrize(("provider", "model"), EVERY)
@pytest.mark.parametrize("workflow", TASKS)
def test_what_the_defaults_say_is_taken_by_the_model(workflow, provider, model):
    said = {"provider": provider, "model": model}
    config = selector({workflow: said}).get_config(workflow)
    traits = PROVIDERS[provider].traits(taken(config).model)
    reasoning = traits.reasoning(config.reasoning_effort)
    assert reasoning is traits.reasoning(None)
    if config.temperature is not None:
        assert holds(traits.sampling, reasoning=reasoning)
    if reasoning and provider != "groq":
        assert config.max_tokens == TASKS[workflow].max_tokens + 4000


@pytest.mark.parametrize(
    "model", ["gpt-5-pro", "o3-deep-research", "gpt-5.2-chat", "gpt-4o", "o3-new"]
)
def test_an_effort_is_a_default_only_where_it_is_known_to_be_taken(model):
    config = selector({RANKING: {"model": model}}).get_config(RANKING, "openai")
    known = PROVIDERS["openai"].traits(model).efforts or ()
    assert config.reasoning_effort == ("low" if "low" in known else None)


def test_a_default_temperature_gives_way_to_an_effort_of_the_configuration():
    said = {"provider": "openai", "model": "gpt-5.4"}
    plain = selector({RANKING: said}).get_config(RANKING)
    assert (plain.temperature, plain.max_tokens) == (0.3, 2500)
    thinking = selector({RANKING: {**said, "reasoning_effort": "high"}})
    assert values(thinking.get_config(RANKING)) == ("gpt-5.4", None, 6500, "high")


@given(
    st.sampled_from(list(TASKS)),
    st.sampled_from(list(PROVIDERS)),
    st.fixed_dictionaries(
        {},
        optional={
            "model": st.sampled_from(["gpt-6.1-sol", "o3", "gpt-4o", "nobody:1b"]),
            "temperature": st.floats(0, 2),
            "max_tokens": st.integers(1, 99_999),
            "reasoning_effort": st.sampled_from(["none", "low", "any"]),
            "description": st.text(max_size=3),
        },
    ),
)
def test_what_somebody_has_said_stays_as_it_is(workflow, provider, said):
    config = selector({workflow: said}).get_config(workflow, provider)
    assert {name: getattr(config, name) for name in said} == said


# -- sources --------------------------------------------------------------------------


def test_later_sources_count_more(toml):
    file = toml(
        "[workflows.content_ranking]\n"
        "model = 'of-file'\ntemperature = 0\nmax_tokens = 7\n"
    )
    from_file = selector(file=file).get_config(RANKING)
    assert values(from_file)[:3] == ("of-file", 0, 7)
    named = {"LLM_MODEL_CONTENT_RANKING": "of-environment"}
    from_environment = selector(file=file, **named).get_config(RANKING)
    assert values(from_environment)[:3] == ("of-environment", 0, 7)
    coded = selector({RANKING: {"model": "of-code", "max_tokens": 8}}, file, **named)
    assert values(coded.get_config(RANKING))[:3] == ("of-code", 0, 8)


def test_a_config_is_the_whole_of_it(toml):
    file = toml("[workflows.content_ranking]\ntemperature = 1.5\n")
    config = ModelConfig("OpenAI", "gpt-4o", None, 100, "Ours")
    one = selector({RANKING: config}, file, LLM_MODEL_CONTENT_RANKING="other")
    assert one.get_config(RANKING) == config
    assert config.provider == "openai"


def test_a_config_is_written_in_the_order_of_the_design():
    config = ModelConfig("groq", "m", 0.4, 2000, "d", "low")
    assert (config.provider, config.description) == ("groq", "d")
    assert values(config) == ("m", 0.4, 2000, "low")


def test_a_workflow_of_ones_own_has_what_it_says_and_no_more():
    one = selector({"translation": {"temperature": 0.1}})
    assert one.get_config("translation") == ModelConfig("groq", temperature=0.1)


def test_a_value_that_is_none_says_nothing():
    one = selector({RANKING: {"model": None, "max_tokens": None}})
    assert one.get_config(RANKING) == selector().get_config(RANKING)


def test_the_environment_names_the_file(toml):
    file = toml("[workflows.translation]\nprovider = 'local'\n")
    one = selector(LLM_WORKFLOWS_FILE=str(file))
    assert one.get_config("translation") == ModelConfig("local")


def test_an_argument_stands_before_the_file_of_the_environment(toml):
    one = selector(file=toml(""), LLM_WORKFLOWS_FILE="/of/nobody")
    assert one.workflows() == tuple(TASKS)


def test_dotenv_names_file_and_models(toml, tmp_path):
    file = toml("[workflows.to-german]\nmax_tokens = 5\n")
    dotenv = tmp_path / "any.env"
    dotenv.write_text(f"LLM_WORKFLOWS_FILE={file}\nLLM_MODEL_TO_GERMAN=openai:gpt-4o\n")
    one = ModelSelector(environ={}, dotenv=dotenv)
    assert one.get_config("to-german") == ModelConfig("openai", "gpt-4o", None, 5)


@pytest.mark.parametrize(
    ("text", "provider", "model"),
    [
        ("qwen/qwen3.8-27b", "groq", "qwen/qwen3.8-27b"),
        ("llama3.2:3b", "groq", "llama3.2:3b"),
        ("anthropic:claude-opus-5-5", "anthropic", "claude-opus-5-5"),
        (" Anthropic : claude-opus-5-5 ", "anthropic", "claude-opus-5-5"),
        ("local:llama3.2:3b", "local", "llama3.2:3b"),
        ("anthropic:", "anthropic", "claude-haiku-5-5"),
        ("mock:tiny", "mock", "tiny"),
        ("anthropic", "groq", "anthropic"),
    ],
)
def test_a_name_of_the_environment_may_hold_a_provider(text, provider, model):
    config = selector(LLM_MODEL_CONTENT_RANKING=text).get_config(RANKING)
    assert (config.provider, config.model) == (provider, model)


def test_an_empty_variable_is_as_good_as_none():
    assert selector(LLM_MODEL_CONTENT_RANKING="").get_config(RANKING).provider == "groq"


@pytest.mark.parametrize("text", [" ", "a\tb", "groq:a\tb"])
def test_a_variable_that_names_no_model_is_named(text):
    with pytest.raises(LLMConfigurationError, match="LLM_MODEL_CONTENT_RANKING is '"):
        selector(LLM_MODEL_CONTENT_RANKING=text)


def test_variables_of_unknown_workflows_are_somebody_elses():
    one = selector(LLM_MODEL_PATH="\t", LLM_MODEL_DIRECTORY="/models")
    assert one.workflows() == tuple(TASKS)


def test_a_model_belongs_to_the_provider_that_it_was_named_for(toml):
    file = toml("[workflows.content_ranking]\nprovider = 'openai'\nmodel = 'gpt-4o'\n")
    other = selector(file=file, LLM_MODEL_CONTENT_RANKING="anthropic:")
    assert other.get_config(RANKING).model == "claude-haiku-5-5"
    same = selector(file=file, LLM_MODEL_CONTENT_RANKING="openai:")
    assert same.get_config(RANKING).model == "gpt-4o"
    assert same.get_config(RANKING, "local").model is None


def test_the_provider_asked_for_stands_before_the_configured_one():
    one = selector({RANKING: {"provider": "openai"}})
    assert one.get_config(RANKING, " Groq").model == "openai/gpt-oss-20b"


# -- what cannot be -------------------------------------------------------------------

HEAD = "[workflows.content_ranking]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "temprature = 1", "'temprature' is unknown; known are provider, model"),
        (HEAD + "temperature = 'hot'", "temperature must be a number .*'hot'"),
        (HEAD + "temperature = nan", "temperature is nan: use a finite number"),
        (HEAD + "max_tokens = 2000.0", "max_tokens must be an integer .*2000.0"),
        (HEAD + "max_tokens = 0", "max_tokens is 0: use a whole number >= 1"),
        (HEAD + "max_tokens = true", "max_tokens must be an integer"),
        (HEAD + "model = ''", "model is ''"),
        (HEAD + "model = 7", "model must be a string"),
        (HEAD + "provider = 'groq:m'", "provider is 'groq:m': write its name alone"),
        (HEAD + "provider = ' '", "provider is ' '"),
        (HEAD + "provider = 7", "provider must be a string, not int"),
        (HEAD + "description = 7", "description must be a string"),
        (HEAD + "reasoning_effort = 7", "reasoning_effort must be a string"),
        (HEAD + "reasoning_effort = ['low']", "reasoning_effort must be a string"),
    ],
)
def test_a_table_that_cannot_be_used_is_named_with_key_and_value(toml, text, said):
    file = toml(text)
    place = rf"'.*workflows.toml', \[workflows\.content_ranking\]: .*{said}"
    with pytest.raises(LLMConfigurationError, match=place):
        selector(file=file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[workflow.content_ranking]", r"workflow must be a table \[workflows.NAME\]"),
        ("workflows = 7", r"workflows must be a table .* not int \(7\)"),
        ("workflows = 0x" + "f" * 9000, "workflows must be a table .* not int"),
        ("[workflows]\nmodel = 'm'", r"workflows.model must be a table .*'m'"),
        ("[workflows", "cannot be read: "),
        ("x = " + "9" * 9000, "cannot be read: "),
        ("x = " + "[" * 9000, "cannot be read: "),
        ("x = '\x00'", "cannot be read: "),
    ],
)
def test_a_file_that_holds_no_workflows_is_named(toml, text, said):
    with pytest.raises(LLMConfigurationError, match=f"workflows.toml'.*{said}"):
        selector(file=toml(text))


def test_a_file_may_begin_with_the_mark_of_an_editor(tmp_path):
    path = tmp_path / "w.toml"
    path.write_bytes(b"\xef\xbb\xbf[workflows.translation]\r\nmax_tokens = 5\r\n")
    assert selector(file=path).get_config("translation").max_tokens == 5


def test_a_file_that_is_not_text_is_named(tmp_path):
    path = tmp_path / "w.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(LLMConfigurationError, match=r"w\.toml' cannot be read"):
        selector(file=path)


@pytest.mark.parametrize("name", ["missing.toml", ".", "x" * 300, "\x00"])
def test_a_file_that_is_not_there_is_named(name):
    with pytest.raises(
        LLMConfigurationError, match=r"workflows file '.*cannot be read"
    ):
        selector(file=name)


@given(st.binary(max_size=40))
def test_any_file_gives_a_selector_or_an_error_of_ours(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "arbitrary.toml"
    path.write_bytes(content)
    try:
        assert selector(file=path).workflows()[:4] == tuple(TASKS)
    except LLMConfigurationError as error:
        assert "arbitrary.toml" in str(error)


@pytest.mark.parametrize(
    ("configs", "kind", "said"),
    [
        ([], TypeError, "configs must be a mapping"),
        ({7: {}}, TypeError, "workflow must be a string"),
        ({"x": 7}, TypeError, r"configs\['x'\] must be a ModelConfig or a mapping"),
        ({"x": {"max_tokens": "9"}}, TypeError, r"configs\['x'\]: max_tokens must be"),
        ({"x": {"max_tokens": 0}}, ValueError, r"configs\['x'\]: max_tokens is 0"),
        ({"x": {"tokens": 0}}, ValueError, r"configs\['x'\]: 'tokens' is unknown"),
    ],
)
def test_code_that_says_what_cannot_be_is_a_mistake_of_the_program(configs, kind, said):
    with pytest.raises(kind, match=said):
        selector(configs)


# -- the class itself -----------------------------------------------------------------


@pytest.fixture
def here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_class_means_the_selector_of_the_environment(here):
    assert ModelSelector.get_config(PROFILE) == selector().get_config(PROFILE)
    assert ModelSelector.workflows() == tuple(TASKS)


def test_the_class_knows_that_the_environment_has_changed(here, monkeypatch):
    assert ModelSelector.get_config(PROFILE).provider == "groq"
    monkeypatch.setenv("LLM_MODEL_PROFILE_ENHANCEMENT", "openai:")
    assert ModelSelector.get_config(PROFILE).provider == "openai"
    monkeypatch.setenv("LLM_PROVIDER", "anthropic")
    assert ModelSelector.get_config(RANKING).provider == "anthropic"


def test_the_class_knows_that_a_file_has_changed(here, monkeypatch):
    assert ModelSelector.get_config(PROFILE).provider == "groq"
    (here / "w.toml").write_text("[workflows.translation]\nmax_tokens = 5\n")
    (here / ".env").write_text("LLM_WORKFLOWS_FILE=w.toml\n")
    assert ModelSelector.get_config("translation").max_tokens == 5
    (here / "w.toml").write_text("[workflows.translation]\nmax_tokens = 555\n")
    assert ModelSelector.get_config("translation").max_tokens == 555


def test_the_class_reads_the_environment_once(here, monkeypatch):
    ModelSelector.workflows()
    monkeypatch.setattr(Settings, "from_env", None)
    assert ModelSelector.get_config(PROFILE).provider == "groq"


def test_methods_say_what_they_do():
    assert "instead of the one that is configured" in ModelSelector.get_config.__doc__


# -- overrides ------------------------------------------------------------------------


def model(one=ModelSelector, workflow=RANKING):
    return one.get_config(workflow).model


def test_an_override_holds_until_it_is_restored():
    override = ModelSelector.override_for_testing(RANKING, "tiny")
    try:
        assert (model(), model(workflow=STYLE)) == ("tiny", "openai/gpt-oss-20b")
        assert fan_out(lambda _: model(), 3) == ["tiny"] * 3
    finally:
        override.restore()
        override.restore()
    assert model() == "openai/gpt-oss-20b"


def test_an_override_outlives_a_change_of_the_environment(monkeypatch):
    override = ModelSelector.override_for_testing(RANKING, "tiny")
    monkeypatch.setenv("LLM_PROVIDER", "local")
    try:
        assert ModelSelector.get_config(RANKING).provider == "local"
        assert model() == "tiny"
    finally:
        override.restore()


def test_defaults_follow_the_model_of_an_override():
    with selector().override_for_testing(RANKING, "openai:gpt-6.1-sol") as config:
        assert config.provider == "openai"
        assert values(config) == ("gpt-6.1-sol", None, 6500, "low")


def test_what_somebody_has_said_outlives_an_override():
    one = selector({RANKING: {"temperature": 0.9, "max_tokens": 9}})
    with one.override_for_testing(RANKING, "openai:gpt-6.1-sol") as config:
        assert values(config) == ("gpt-6.1-sol", 0.9, 9, "low")


def test_an_override_without_a_provider_leaves_the_one_that_is_configured():
    one = selector({RANKING: {"provider": "openai", "model": "gpt-4o"}})
    with one.override_for_testing(RANKING, "gpt-4o-mini") as config:
        assert (config.provider, config.model) == ("openai", "gpt-4o-mini")


def test_the_selector_that_is_overridden_is_no_other():
    one, other = selector(), selector()
    with one.override_for_testing(RANKING, "tiny"):
        assert model(one) == "tiny"
        assert model(other) == model() == "openai/gpt-oss-20b"


def test_a_block_ends_its_override_whatever_happens():
    one = selector()
    with pytest.raises(ZeroDivisionError), one.override_for_testing(RANKING, "tiny"):
        raise ZeroDivisionError
    assert model(one) == "openai/gpt-oss-20b"


def test_blocks_may_be_nested():
    one = selector()
    with one.override_for_testing(RANKING, "outer"):
        with one.override_for_testing(RANKING, "inner") as config:
            assert config.model == "inner"
        assert model(one) == "outer"


def test_blocks_may_end_in_any_order():
    one = selector()
    first = one.override_for_testing(RANKING, "first")
    second = one.override_for_testing(RANKING, "second")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert model(one) == "second"
    second.__exit__(None, None, None)
    assert model(one) == "openai/gpt-oss-20b"


def test_each_restore_removes_its_own():
    one = selector()
    first = one.override_for_testing(RANKING, "first")
    second = one.override_for_testing(RANKING, "second")
    assert model(one) == "second"
    first.restore()
    assert model(one) == "second"
    second.restore()
    assert model(one) == "openai/gpt-oss-20b"


def test_a_block_stands_before_what_holds_everywhere():
    one = selector()
    with one.override_for_testing(RANKING, "here"):
        override = one.override_for_testing(RANKING, "everywhere")
        assert model(one) == "here"
    assert model(one) == "everywhere"
    override.restore()


def test_a_block_may_end_its_override_early():
    one = selector()
    override = one.override_for_testing(RANKING, "tiny")
    with override:
        override.restore()
        assert model(one) == "openai/gpt-oss-20b"


def test_a_block_that_ends_in_another_context_is_over_in_its_own():
    """As in a fixture, whose halves some runners put into contexts of their own."""
    one = selector()
    override = one.override_for_testing(RANKING, "tiny")
    began = contextvars.copy_context()
    began.run(override.__enter__)
    assert began.run(model, one) == "tiny"
    contextvars.copy_context().run(override.__exit__, None, None, None)
    assert began.run(model, one) == "openai/gpt-oss-20b"


def test_an_override_is_good_for_one_block():
    override = selector().override_for_testing(RANKING, "tiny")
    with override, pytest.raises(RuntimeError, match="make another"), override:
        pass
    with pytest.raises(RuntimeError, match="make another"), override:
        pass


@pytest.mark.parametrize("one", [ModelSelector, selector()], ids=["class", "instance"])
def test_an_unknown_workflow_cannot_be_overridden(one):
    with pytest.raises(LLMConfigurationError, match="Unknown workflow 'ranking'"):
        one.override_for_testing("ranking", "tiny")


@pytest.mark.parametrize(("name", "kind"), [("", ValueError), (7, TypeError)])
def test_an_override_names_a_model(name, kind):
    with pytest.raises(kind, match="model"):
        selector().override_for_testing(RANKING, name)


def test_blocks_of_20_threads_do_not_see_each_other():
    one, inside = selector(), threading.Barrier(21)

    def run(number):
        if number == 20:  # this one has none
            inside.wait(10)
            found = model(one)
            inside.wait(10)
            return found
        with one.override_for_testing(RANKING, f"model-{number}"):
            inside.wait(10)
            found = model(one)
            inside.wait(10)
        return found, model(one)

    *found, without = fan_out(run, 21)
    usual = "openai/gpt-oss-20b"
    assert found == [(f"model-{number}", usual) for number in range(20)]
    assert without == usual


def test_overrides_of_20_threads_are_each_removed():
    one = selector()

    def run(number):
        for _ in range(50):
            one.override_for_testing(RANKING, f"model-{number}").restore()

    fan_out(run, 20)
    assert model(one) == "openai/gpt-oss-20b"


@given(st.data())
def test_overrides_in_any_order_are_a_stack_without_those_that_are_over(data):
    one, stack = selector(), []
    for number in range(data.draw(st.integers(0, 8))):
        if stack and data.draw(st.booleans()):
            name, override = stack.pop(data.draw(st.integers(0, len(stack) - 1)))
            override.restore()
        else:
            name = f"model-{number}"
            stack.append((name, one.override_for_testing(RANKING, name)))
        assert model(one) == (stack[-1][0] if stack else "openai/gpt-oss-20b")


# -- the family of a service ----------------------------------------------------------


def test_a_service_for_a_provider_is_made_once_also_by_many_threads():
    family, made = Family("first", object()), []

    def make():
        made.append(threading.get_ident())
        return object()

    found = fan_out(lambda _: family.get("second", make), 20)
    assert len(made) == len(set(map(id, found))) == 1


def test_what_was_taken_is_no_longer_kept():
    first, second = object(), object()
    family = Family("first", first)
    assert family.get("second", lambda: second) is second
    assert family.take_others() == [second]
    assert family.take_others() == []
    assert family.get("first", object) is first


@pytest.mark.parametrize("workflow", [None, 7, []])
def test_workflow_that_is_no_name_is_a_type_error(workflow):
    with pytest.raises(TypeError, match="workflow must be a string"):
        ModelSelector().get_config(workflow)


def test_file_that_is_no_path_is_a_type_error():
    with pytest.raises(TypeError, match="file must be a path or None, not int"):
        ModelSelector(file=5)
