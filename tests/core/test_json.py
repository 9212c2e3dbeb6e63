from __future__ import annotations

import inspect
import json
import re
import sys

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from llm_adapter import LLMInvalidResponseError
from llm_adapter._json import MAX_DEPTH, parse_object
from tests.core.values import json_objects, json_values

HIGH, LOW = "\\ud83d", "\\ude00"
PREFIX = '{"first": [1, "two \\" {", {"3": null}], "bad": '


def refused(text):
    """What is wrong with a text, and where."""
    with pytest.raises(LLMInvalidResponseError) as caught:
        parse_object(text)
    error = caught.value
    assert error.text == text
    assert error.message.endswith(f" (character {error.position}).")
    return error.message.rpartition(" (")[0], error.position


# -- what is read ---------------------------------------------------------------------


@given(json_objects, st.sampled_from([None, 0, 2]), st.booleans())
def test_every_object_is_read_as_it_was_written(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert parse_object(text) == value
    assert parse_object(f" \r\n{text}\t\n") == value


@given(
    json_objects,
    st.sampled_from(["", "json", "JSON", "c++", "x-y", "json  "]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\n", "\r\n", "  "]),
)
def test_code_fence_around_it_is_tolerated(value, language, newline, end):
    text = f"```{language}{newline}{json.dumps(value)}{end}```"
    assert parse_object(text) == value
    assert parse_object(f"\n {text} \n") == value


def test_fence_that_stands_alone_among_prose_is_read():
    text = 'Here it is:\n```json\n{"a": 1}\n```\nAnything else?'
    assert parse_object(text) == {"a": 1}


def test_fence_may_hold_strings_that_hold_fences():
    value = {"code": "```python\nprint()\n```"}
    assert parse_object(f"```json\n{json.dumps(value)}\n```") == value


def test_object_that_holds_fences_is_not_mistaken_for_one():
    value = {"code": "```json\n{}\n```"}
    assert parse_object(json.dumps(value)) == value


def test_byte_order_mark_is_tolerated():
    assert parse_object('\ufeff{"a": 1}') == {"a": 1}


def test_whole_surrogate_pair_is_one_character():
    assert parse_object(f'{{"a": "{HIGH}{LOW}"}}') == {"a": "\N{GRINNING FACE}"}


@pytest.mark.parametrize("written", ["\\\\ud83d", "\\\\\\\\ud83d\\\\", "\\\\u"])
def test_escaped_backslash_before_a_u_is_no_surrogate(written):
    text = f'{{"a": "{HIGH}{LOW} {written}"}}'
    assert parse_object(text) == json.loads(text)


def test_same_key_may_stand_in_objects_beside_and_below_each_other():
    text = '{"a": {"a": [{"a": 1}, {"a": 2}]}, "b": {"a": 3}}'
    assert parse_object(text) == json.loads(text)


def test_as_many_levels_as_allowed_are_read():
    levels = MAX_DEPTH - 1
    assert parse_object('{"a": ' + "[" * levels + "]" * levels + "}")["a"]


def test_brackets_in_strings_are_no_levels():
    value = {"a": "[{" * 10 * MAX_DEPTH, "b": '"[[' * MAX_DEPTH}
    assert parse_object(json.dumps(value)) == value


def test_many_brackets_beside_each_other_are_no_levels():
    value = {"a": [[], {}] * MAX_DEPTH}
    assert parse_object(json.dumps(value)) == value


def test_integer_that_python_can_hold_is_exact():
    digits = "9" * 4000
    assert parse_object(f'{{"a": -{digits}}}') == {"a": -int(digits)}


# -- what is refused, and where -------------------------------------------------------


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity"])
def test_constants_of_javascript_are_refused_where_they_stand(token):
    text = f'{PREFIX}{token}, "NaN": {token}}}'
    message = f"The answer is not valid JSON: {token} is not a JSON number"
    assert refused(text) == (message, len(PREFIX))


@pytest.mark.parametrize("token", ["1e999", "-1e999", "1.5E+400", "1" * 400 + ".5"])
def test_number_beyond_floats_is_refused_where_it_stands(token):
    message, position = refused(f'{PREFIX}[1e9, "{token}", {token}, {token}]}}')
    expected = f"The answer is not valid JSON: the number {token[:40]} is too large"
    assert message == expected
    assert position == len(f'{PREFIX}[1e9, "{token}", ')


@pytest.mark.parametrize("token", ["9" * 5000, "-" + "1" * 5000])
def test_integer_of_5000_digits_is_refused_where_it_stands(token):
    message, position = refused(f"{PREFIX}[{'9' * 99}, {token}, {token}0]}}")
    assert message == (
        f"The answer is not valid JSON: a number has {len(token)} digits, "
        "more than can be read"
    )
    assert position == len(PREFIX) + 1 + 99 + 2


@pytest.mark.parametrize("token", ["1e999x", "NaNNaN", "9" * 5000 + "x", "1e999-"])
def test_refused_number_is_found_although_more_follows_it(token):
    assert refused(PREFIX + token)[1] == len(PREFIX)


@pytest.mark.parametrize(
    ("text", "key", "position"),
    [
        ('{"a": 1, "a": 2}', "a", 9),
        ('{"a": 1, "\\u0061": 2}', "a", 9),
        ('{"\\u0061": 1, "a": 2}', "a", 14),
        ('{"a": 1, "b": 2, "a": 3, "a": 4}', "a", 17),
        ('{"x": {"a": 1}, "y": [{"b": 0, "a": 1, "a": 2}]}', "a", 39),
        ('{"a": {"a": 1}, "a": 2}', "a", 16),
        ('{"a": 1, "x": {"a": 1, "b": "a"}, "a" : 2}', "a", 34),
        ('{"a": "a", "b": ["a", "a"], "a": 1}', "a", 28),
        ('{"": 1, "": 2}', "", 8),
        ('{"{": 1, "{": 2}', "{", 9),
        ('{"1": 1, "1": 2}', "1", 9),
        ('{",": ":", ",": "}"}', ",", 11),
        ('{"é\\n": 1, "\\u00e9\\u000a": 2}', "é\\n", 11),
        ('[{"a": 1, "a": 2}]', "a", 10),
    ],
)
def test_key_that_stands_twice_in_one_object_is_refused_there(text, key, position):
    message = (
        f"The answer is not valid JSON: the key '{key}' stands twice in one object"
    )
    assert refused(text) == (message, position)


@pytest.mark.parametrize(
    ("string", "offset"),
    [
        (HIGH, 0),
        (LOW, 0),
        (f"abc{HIGH}", 3),
        (f"{HIGH}{LOW}{LOW}", 12),
        (f"{LOW}{HIGH}", 0),
        (f"{HIGH}{HIGH}{LOW}", 0),
        (f"{HIGH} {LOW}", 0),
        (HIGH.upper().replace("U", "u"), 0),
        (f"\\\\{HIGH}", 2),
        (f'\\"\\n{LOW}', 4),
        ("\ud83d", 0),
        ("é\udfff", 1),
        (f"{HIGH}\ude00", 0),
        (f"\ud83d{LOW}", 0),
    ],
)
def test_half_of_a_surrogate_pair_is_refused_where_it_stands(string, offset):
    message = "The answer is not valid JSON: it holds half of a surrogate pair"
    in_value = f'{PREFIX}"{string}"}}'
    assert refused(in_value) == (message, len(PREFIX) + 1 + offset)
    assert refused(f'{{"{string}": 1}}') == (message, 2 + offset)


@pytest.mark.parametrize("levels", [MAX_DEPTH, 100_000])
@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":', '{"a":['])
def test_too_many_levels_are_refused_at_the_first_that_is_one_too_many(
    levels, ends, opening
):
    brackets = re.sub("[^][{}]", "", opening)
    pieces = opening * (levels // len(brackets))
    closing = brackets[::-1].translate(str.maketrans("[{", "]}"))
    text = '{"x":' + pieces + ("0" + closing * (levels // len(brackets)) + "}") * ends
    # The outermost object is a level as well, so the 500th of ours is the 501st.
    whole, rest = divmod(MAX_DEPTH - 1, len(brackets))
    within = [match.start() for match in re.finditer(r"[\[{]", opening)][rest]
    message = f"The answer is not valid JSON: it is nested more than {MAX_DEPTH} levels"
    found, position = refused(text)
    assert found == f"{message} deep"
    assert position == len('{"x":') + whole * len(opening) + within


def test_levels_that_ended_do_not_hide_those_that_follow():
    start = '{"a": [' + "[]," * MAX_DEPTH + '{}], "b": '
    assert refused(start + "[" * MAX_DEPTH)[1] == len(start) + MAX_DEPTH - 1


def outcome(text, depth):
    """What becomes of a text that is read so many frames further down."""
    if depth:
        return outcome(text, depth - 1)
    try:
        return parse_object(text) and "read"
    except LLMInvalidResponseError as error:
        return error.message, error.position
    except RecursionError:
        return "no frame left"


@pytest.mark.parametrize(
    ("text", "deepest"),
    [
        ('{"a": {"b": {}}, "c": []}', 12),
        ('{"a": "[", "b": ' + "[" * 400 + "]" * 400 + "}", 16 + 399),
    ],
    ids=["flat", "deep"],
)
def test_deep_stack_of_the_caller_is_no_reason_for_another_error(text, deepest):
    """Python 3.11 counts the levels of JSON among its frames, later ones do not."""
    depth = sys.getrecursionlimit() - len(inspect.stack(0)) - 300
    found = ["read"]
    while found[-1] != "no frame left":
        found.append(outcome(text, depth))
        depth += 1
    message = f"The answer is nested too deeply to be read (character {deepest})."
    assert list(dict.fromkeys(found)) == ["read", (message, deepest), "no frame left"]


@pytest.mark.parametrize(
    ("text", "kind", "position"),
    [
        ("[1]", "list", 0),
        ("  []", "list", 2),
        ("\ufeff []", "list", 2),
        ('"text"', "str", 0),
        ("5", "int", 0),
        ("1.5", "float", 0),
        ("true", "bool", 0),
        ("\nnull", "NoneType", 1),
        ("```json\n[1]\n```", "list", 8),
        ("```\n  5\n```", "int", 6),
    ],
)
def test_other_json_than_an_object_is_refused(text, kind, position):
    message = f"The answer is JSON, but a {kind} where an object was asked for"
    assert refused(text) == (message, position)


@pytest.mark.parametrize("text", ["", "  \n\t ", "```json\n\n```", "```\n```"])
def test_empty_answer_says_so(text):
    assert refused(text) == ("The answer is empty where JSON was asked for", 0)


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("Sure! Here you are.", "Expecting value", 0),
        ('{"a": 1', "Expecting ',' delimiter", 7),
        ('{"a": 1,}', "Illegal trailing comma before end of object", 7),
        ('{"a": "b', "Unterminated string starting at", 6),
        ('{"a": "b\nc"}', "Invalid control character at", 8),
        ('{"a": "\\x"}', "Invalid \\escape", 7),
        ('{"a": 1} {"b": 2}', "Extra data", 9),
        ("{'a': 1}", "Expecting property name enclosed in double quotes", 1),
        ('```json\n{"a": 1', "Expecting value", 0),
        ('```json\n{"a": }\n```', "Expecting value", 14),
        ('It is:\n```\n{"a": }\n```', "Expecting value", 17),
        ("```json\n{}\n``` or ```json\n{}\n```", "Extra data", 11),
        ("a ```json\n{}\n``` or ```json\n{}\n```", "Expecting value", 0),
        ("{]", "Expecting property name enclosed in double quotes", 1),
        ("]]]]", "Expecting value", 0),
        ("}", "Expecting value", 0),
    ],
)
def test_other_mistakes_are_named_where_they_are(text, message, position):
    if sys.version_info < (3, 13) and "trailing comma" in message:
        message, position = "Expecting property name enclosed in double quotes", 8
    found, at = refused(text)
    assert found.startswith(f"The answer is not valid JSON: {message}")
    assert at == position


@pytest.mark.parametrize(
    "bad", ["NaN", "1e999", f'"{HIGH}"', '{"k": 1, "k": 2}', "1" * 5000, "[" * 501, "?"]
)
def test_position_within_a_fence_counts_from_the_start_of_the_answer(bad):
    bare = PREFIX + bad
    for fence in ("```json\n", "```\r\n", "  ```JSON \n"):
        _, position = refused(bare + "}")
        assert refused(f"{fence}{bare}}}\n```")[1] == position + len(fence)


# -- whatever arrives -----------------------------------------------------------------


def read_or_refused(text):
    try:
        return parse_object(text)
    except LLMInvalidResponseError as error:
        assert error.text == text
        assert 0 <= error.position <= len(text)
        return None


NASTY = ['"', "\\", "{", "}", "[", "]", ",", ":", "\\ud83d", "\ud83d", "NaN", "1e999"]
pieces = st.sampled_from([*NASTY, "```", "```json\n", "\n", '"a"', '"a":1', "\\u0061"])


@given(st.text(st.characters(), max_size=40) | st.lists(pieces).map("".join))
@example("```\n" + '{"a":1e999')
@example('{"a":1,"a":2')
def test_arbitrary_text_is_read_or_refused_with_its_position(text):
    read_or_refused(text)


@given(st.data(), json_values, st.booleans())
def test_damaged_json_is_read_or_refused_with_its_position(data, value, fenced):
    text = json.dumps({"value": value, "list": [value]})
    text = f"```json\n{text}\n```" if fenced else text
    at = data.draw(st.integers(0, len(text) - 1))
    inserted = data.draw(st.sampled_from(["", *NASTY]) | st.text(max_size=2))
    damaged = text[:at] + inserted + text[at + data.draw(st.integers(0, 1)) :]
    assume(damaged != text)
    read_or_refused(damaged)


@given(st.data(), json_objects)
def test_cut_json_is_never_read(data, value):
    text = json.dumps(value)
    at = data.draw(st.integers(0, len(text) - 1))
    assert read_or_refused(text[:at]) is None


@given(st.lists(pieces, max_size=12).map("".join))
def test_what_is_read_is_what_json_itself_reads(text):
    """Strict: nothing is read that json would not read or would read otherwise."""
    value = read_or_refused(text)
    if value is not None and "```" not in text:
        assert value == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        '\\"' * 50_000,
        '"' * 100_000,
        '{"a":' + '"\\"' * 33_000,
        '{"a":"' + "\\" * 100_000,
        "[" * 100_000,
        "{" * 100_000,
        "]" * 100_000,
        '[""' * 25_000,
        "```" * 33_000,
        "```\n" * 25_000,
        "```\n" + " " * 100_000,
        "```json" + " \t" * 50_000,
        "```" + "a" * 100_000,
        "```\n" + "`` " * 33_000,
        " " * 100_000 + "x",
        "```\n" + ("```" + " " * 97) * 1000 + "x",
        "\\ud83d" * 16_000,
        '{"a": "' + "\\ud83d\\ude00" * 8_000 + '"}',
        '{"a": "' + "\ud83d" * 100_000 + '"}',
        "[" + '"é",' * 25_000,
        "{" + '"a":1,' * 16_000 + '"a":1}',
        "-" * 100_000,
        "1" * 100_000,
        '{"a":' + "1" * 100_000 + "}",
        '{"a":' + "1" * 100_000 + ".0}",
        "NaN" * 33_000,
    ],
    ids=lambda text: f"{text[:12]!r}",
)
def test_large_input_of_any_kind_takes_linear_time(text):
    read_or_refused(text)
