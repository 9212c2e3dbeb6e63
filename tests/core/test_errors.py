from __future__ import annotations

import copy
import inspect
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llm_adapter
from llm_adapter import LLMResponse, errors
from llm_adapter.errors import (
    ErrorDetails,
    LLMConfigurationError,
    LLMInvalidResponseError,
    LLMQuotaExceededError,
    LLMRateLimitError,
    LLMServerError,
    LLMServiceError,
    LLMStreamInterruptedError,
    LLMTimeoutError,
    LLMUnsupportedFeatureError,
)
from tests.core import values

# design.md 3.5: class -> what it is, nearest first.
TREE = {
    "LLMServiceError": [Exception],
    "LLMConfigurationError": ["LLMServiceError", ValueError],
    "LLMUnsupportedFeatureError": ["LLMServiceError"],
    "LLMConnectionError": ["LLMServiceError"],
    "LLMTimeoutError": ["LLMConnectionError", TimeoutError],
    "LLMAPIError": ["LLMServiceError"],
    "LLMAuthenticationError": ["LLMAPIError"],
    "LLMPermissionError": ["LLMAPIError"],
    "LLMModelNotFoundError": ["LLMAPIError"],
    "LLMBadRequestError": ["LLMAPIError"],
    "LLMContextLengthError": ["LLMBadRequestError"],
    "LLMContentPolicyError": ["LLMAPIError"],
    "LLMRateLimitError": ["LLMAPIError"],
    "LLMQuotaExceededError": ["LLMRateLimitError"],
    "LLMServerError": ["LLMAPIError"],
    "LLMOverloadedError": ["LLMServerError"],
    "LLMInvalidResponseError": ["LLMServiceError", ValueError],
    "LLMStreamInterruptedError": ["LLMInvalidResponseError"],
    "LLMBudgetExceededError": ["LLMServiceError"],
}
RETRYABLE = {
    "LLMConnectionError",
    "LLMTimeoutError",
    "LLMRateLimitError",
    "LLMServerError",
    "LLMOverloadedError",
    "LLMStreamInterruptedError",
}
CLASSES = [getattr(errors, name) for name in TREE]
each_class = pytest.mark.parametrize("kind", CLASSES, ids=list(TREE))

details = {
    "provider": values.maybe_words,
    "model": values.maybe_words,
    "status_code": st.none() | st.integers(100, 599),
    "code": values.maybe_words,
    "request_id": values.maybe_words,
    "retry_after": st.none() | st.floats(0, 1e9) | st.integers(0, 10**9),
    "attempts": st.integers(0, 9),
    "history": st.lists(values.attempts, max_size=3).map(tuple),
    "body": values.json_values,
    "retryable": st.none() | st.booleans(),
}
own = {
    LLMUnsupportedFeatureError: {"feature": values.maybe_words},
    LLMInvalidResponseError: {
        "text": values.maybe_words,
        "position": st.none() | st.integers(0, 99),
        "failed_generation": values.maybe_words,
    },
    LLMStreamInterruptedError: {
        "text": values.maybe_words,
        "partial": st.none() | values.responses,
    },
}


@st.composite
def family(draw):
    """An error of any class, and the arguments that it was built with."""
    kind = draw(st.sampled_from(CLASSES))
    optional = {**details, **own.get(kind, {})}
    arguments = draw(st.fixed_dictionaries({}, optional=optional))
    message = draw(values.words)
    return kind(message, **arguments), message, arguments


# -- the tree -------------------------------------------------------------------------


def test_family_is_what_the_design_draws():
    bases = {
        name: [
            getattr(errors, base) if isinstance(base, str) else base for base in all_
        ]
        for name, all_ in TREE.items()
    }
    built = {
        name: list(kind.__bases__)
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, Exception)
    }
    assert built == bases


def test_docstring_draws_the_same_tree():
    above, drawn = [], {}
    for line in (errors.__doc__ or "").splitlines():
        stem, _, rest = line.partition("LLM")
        if rest and "Error" in rest and not stem.strip(" ├└─│"):
            level = len(stem) // 4
            name = "LLM" + rest.split()[0]
            above[level:] = [name]
            drawn[name] = above[level - 1] if level else None
    assert drawn == {
        name: bases[0] if isinstance(bases[0], str) else None
        for name, bases in TREE.items()
    }


def test_whole_family_is_public():
    assert set(TREE) <= set(llm_adapter.__all__)
    assert set(TREE) | {"ErrorDetails"} == set(errors.__all__)


@each_class
def test_only_what_may_succeed_later_is_retryable(kind):
    assert kind().retryable is (kind.__name__ in RETRYABLE)


@each_class
@pytest.mark.parametrize("retryable", [True, False])
def test_retryable_can_be_said_of_one_error_alone(kind, retryable):
    before = kind().retryable
    assert kind(retryable=retryable).retryable is retryable
    assert kind().retryable is before


# -- how they are built ---------------------------------------------------------------


def test_details_are_the_keywords_of_the_base_class():
    parameters = inspect.signature(LLMServiceError.__init__).parameters
    keywords = [
        name
        for name, parameter in parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    assert keywords == list(ErrorDetails.__annotations__) == list(details)


@given(family())
def test_every_keyword_is_kept(built):
    error, message, arguments = built
    assert error.message == (message or type(error).summary)
    for name, value in arguments.items():
        if name != "retryable" or value is not None:
            assert getattr(error, name) == value


@each_class
def test_nothing_but_a_message_is_positional(kind):
    with pytest.raises(TypeError, match="positional"):
        kind("message", "groq")


@each_class
def test_unknown_keyword_is_a_type_error(kind):
    with pytest.raises(TypeError, match="unexpected keyword argument 'retry_in'"):
        kind(retry_in=5)


@given(family())
def test_pickle_and_copies_bring_back_every_field(built):
    """Celery and multiprocessing send errors between processes."""
    error, _, _ = built
    error.add_note("seen by a worker")
    for made in (
        copy.copy(error),
        copy.deepcopy(error),
        *(pickle.loads(pickle.dumps(error, protocol)) for protocol in range(2, 6)),
    ):
        assert type(made) is type(error)
        assert vars(made) == vars(error)
        assert str(made) == str(error)
        assert made.args == error.args
        assert made.retryable == error.retryable


def test_pickled_partial_answer_is_whole():
    partial = LLMResponse("Once upon", raw={"id": 1})
    error = LLMStreamInterruptedError(partial=partial, text="Once upon")
    made = pickle.loads(pickle.dumps(error))
    assert (made.partial.text, made.partial.raw) == ("Once upon", {"id": 1})


def test_builtin_handlers_catch_what_they_expect():
    with pytest.raises(TimeoutError):
        raise LLMTimeoutError("late")
    with pytest.raises(ValueError, match="no key"):
        raise LLMConfigurationError("no key")


def test_timeout_has_no_errno_of_an_os_error():
    assert LLMTimeoutError("late").errno is None


# -- what they say --------------------------------------------------------------------


@each_class
def test_class_has_words_of_its_own_for_what_happened(kind):
    text = str(kind())
    assert text.startswith(kind.summary)
    assert kind.summary.endswith(".")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("LLMUnsupportedFeatureError", "choose another model or provider"),
        ("LLMConnectionError", "Check the network and the base URL"),
        ("LLMTimeoutError", "raise the timeout"),
        ("LLMAuthenticationError", "Check the key"),
        ("LLMPermissionError", "Check the key's project"),
        ("LLMModelNotFoundError", "list_models()"),
        ("LLMBadRequestError", "the same request cannot pass"),
        ("LLMContextLengthError", "Shorten the prompt"),
        ("LLMContentPolicyError", "Change its wording"),
        ("LLMRateLimitError", "Slow down"),
        ("LLMQuotaExceededError", "Check the plan and billing"),
        ("LLMServerError", "Try again later"),
        ("LLMOverloadedError", "Try again later"),
        ("LLMStreamInterruptedError", ".partial"),
        ("LLMBudgetExceededError", "Raise the limit"),
    ],
)
def test_text_says_what_to_do(name, advice):
    text = str(getattr(errors, name)("It broke.", provider="groq"))
    assert text.startswith("It broke. ")
    assert text.index(advice) < text.index("[groq]")


@pytest.mark.parametrize(
    ("message", "start"),
    [
        ("Slow down", "Slow down. Try again"),
        ("Slow down!", "Slow down! Try again"),
        ("Slow down (10/s)", "Slow down (10/s) Try again"),
    ],
)
def test_full_stop_that_a_provider_leaves_out_stands_before_the_advice(message, start):
    assert str(LLMServerError(message)).startswith(start)


def test_message_without_advice_is_left_without_its_full_stop():
    assert str(LLMConfigurationError("No key")) == "No key"


@pytest.mark.parametrize(
    ("retry_after", "said"),
    [(7, "Retry after 7 s."), (2.5, "Retry after 2.5 s."), (0, "Retry after 0 s.")],
)
def test_rate_limit_says_when_to_come_back(retry_after, said):
    assert said in str(LLMRateLimitError(retry_after=retry_after))


def test_used_up_quota_never_says_to_retry():
    assert "Retry after" not in str(LLMQuotaExceededError(retry_after=7))


def test_text_ends_with_where_it_happened():
    error = LLMServerError(
        "It broke.",
        provider="groq",
        model="openai/gpt-oss-20b",
        status_code=503,
        code="overloaded",
        request_id="req_1",
        attempts=4,
    )
    assert str(error) == (
        "It broke. Try again later. "
        "[groq openai/gpt-oss-20b, HTTP 503, overloaded, request req_1, 4 attempts]"
    )


def test_second_attempt_is_worth_a_word():
    assert str(LLMServiceError("It broke.", attempts=2)) == "It broke. [2 attempts]"


@each_class
def test_nothing_is_known_that_nobody_said(kind):
    error = kind()
    found = {name: getattr(error, name) for name in details if name != "retryable"}
    nothing = {**dict.fromkeys(found), "attempts": 0, "history": ()}
    assert found == nothing


@pytest.mark.parametrize("attempts", [0, 1])
def test_one_attempt_is_not_worth_a_word(attempts):
    assert str(LLMServiceError("It broke.", attempts=attempts)) == "It broke."


@given(family())
def test_text_leads_with_what_happened_whatever_the_details(built):
    error, message, _ = built
    assert str(error).startswith(message or type(error).summary)


def test_advice_begins_a_new_sentence_where_the_provider_set_no_full_stop() -> None:
    error = errors.LLMRateLimitError("Slow down", retry_after=7)

    assert str(error) == "Slow down. Retry after 7 s."
