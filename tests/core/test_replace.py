from __future__ import annotations

import attrs
from hypothesis import given

from llm_adapter import LLMRequest
from llm_adapter._replace import replace
from tests.core import values


@values.few
@given(values.requests, values.requests)
def test_replace_does_what_evolve_does(request, other):
    changes = {"prompt": other.prompt, "tools": other.tools, "timeout": other.timeout}
    assert replace(request, **changes) == attrs.evolve(request, **changes)


@values.few
@given(values.responses)
def test_replace_leaves_the_first_as_it_was(response):
    changed = replace(response, text="changed", raw=None)
    assert (changed.text, changed.raw) == ("changed", None)
    assert replace(changed, text=response.text) == response


def test_values_are_taken_unchecked():
    assert replace(LLMRequest("Hi"), temperature="warm").temperature == "warm"
