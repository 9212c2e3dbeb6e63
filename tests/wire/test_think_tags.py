"""Reasoning inside the text: told apart on every split, and nothing of it lost."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter._wire.think_tags import ThoughtSplitter, split_thoughts

PIECES = st.sampled_from(
    [
        *("<think>", "</think>", "<", "</", "think>", "<thi", "nk>", "<think", ">"),
        *(
            " ",
            "\n",
            "\t",
            "\xa0",
            "\x1c",
            "`",
            "'",
            '"',
            "a",
            "bc",
            "Hm.",
            "<b>",
            "😀",
        ),
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)
OPENED = st.builds("{}<think>{}".format, st.sampled_from(["", " ", "\n\n"]), TEXTS)


@st.composite
def cut(draw, texts):
    """A text and one way to cut it into pieces that are not empty."""
    text = draw(texts)
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=8))
    edges = sorted({0, *cuts, len(text)})
    return text, [text[a:b] for a, b in pairwise(edges)]


def told(pieces):
    """Reasoning and text of the deltas that pieces give."""
    splitter = ThoughtSplitter()
    found = [each for piece in pieces for each in splitter.feed(piece)]
    found += splitter.finish()
    assert all(words for _, words in found)
    assert splitter.finish() == []
    return tuple(
        "".join(words for kind, words in found if kind == wanted)
        for wanted in ("reasoning", "text")
    )


def answer_of(text):
    """The text that a reader may be told: all but a tag and the blanks behind it."""
    _, answer = split_thoughts(text)
    if answer == text:
        return text
    head = text[: len(text) - len(answer)].rstrip()
    return head.removesuffix("</think>") + answer


# -- whole ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reasoning", "answer"),
    [
        ("", "", ""),
        ("4", "", "4"),
        (" 4 ", "", " 4 "),
        ("<think>a</think>b", "a", "b"),
        (" \n<think>\na b\n</think>\n\nc\n", "a b", "c\n"),
        ("<think></think>\n\nb", "", "b"),
        ("<think>\n\n</think>b", "", "b"),
        ("<think>a", "a", ""),
        ("<think>", "", ""),
        ("<think>a</thin", "a</thin", ""),
        ("<think>a</think>", "a", ""),
        ("<think>a</think>b</think>c", "a", "b</think>c"),
        ("<think>a<think>b</think>c", "a<think>b", "c"),
        ("<think>a</think>b<think>c</think>", "a", "b<think>c</think>"),
        ("a</think>b", "a", "b"),
        ("a\n</think>\n\nb", "a", "b"),
        ("</think>b", "", "b"),
        ("a<think>b", "", "a<think>b"),
        ("a<think>b</think>c", "a<think>b", "c"),
        ("the tag `</think>` ends it", "", "the tag `</think>` ends it"),
        ("\"</think>\" and '</think>'", "", "\"</think>\" and '</think>'"),
        ("the tag `</think>`. So?</think>4", "the tag `</think>`. So?", "4"),
        ("<THINK>a</THINK>b", "", "<THINK>a</THINK>b"),
        ("<thinking>a</thinking>b", "", "<thinking>a</thinking>b"),
    ],
)
def test_reasoning_is_told_from_the_answer(content, reasoning, answer):
    assert split_thoughts(content) == (reasoning, answer)


@given(TEXTS)
def test_what_holds_no_tag_is_the_answer(text):
    if "</think>" not in text and not text.lstrip().startswith("<think>"):
        assert split_thoughts(text) == ("", text)


# -- in pieces ------------------------------------------------------------------------


@given(cut(OPENED))
def test_pieces_say_the_same_as_the_whole_where_the_tag_opens_it(example):
    text, pieces = example
    assert told(pieces) == split_thoughts(text)


@given(cut(TEXTS))
def test_every_cut_gives_the_same(example):
    text, pieces = example
    assert told(pieces) == told([text] if text else [])
    assert told(text) == told(pieces)


@given(cut(TEXTS.filter(lambda text: not text.lstrip().startswith("<think>"))))
def test_without_an_opening_tag_everything_is_told_as_text(example):
    text, pieces = example
    assert told(pieces) == ("", answer_of(text))


def test_text_is_told_as_soon_as_it_cannot_be_a_tag():
    splitter = ThoughtSplitter()
    assert splitter.feed("Hel") == [("text", "Hel")]
    assert splitter.feed("lo </thi") == [("text", "lo ")]
    assert splitter.feed("s") == [("text", "</this")]


def test_a_thought_is_told_as_soon_as_it_cannot_be_a_tag():
    splitter = ThoughtSplitter()
    assert splitter.feed("<thi") == []
    assert splitter.feed("nk>\nHm") == [("reasoning", "Hm")]
    assert splitter.feed(" </") == []
    assert splitter.feed("b>") == [("reasoning", " </b>")]
    assert splitter.feed("\n</think>\n") == []
    assert splitter.feed("\n4\n") == [("text", "4\n")]


def test_blanks_that_may_lead_to_a_tag_are_kept_where_none_comes():
    assert told(["\n ", "x"]) == ("", "\n x")
    assert told(["\n ", "<thin"]) == ("", "\n <thin")


def test_an_answer_that_ends_in_a_quotation_mark_is_told_whole():
    splitter = ThoughtSplitter()
    assert splitter.feed("'x'") == [("text", "'x")]
    assert splitter.finish() == [("text", "'")]


@pytest.mark.parametrize("quote", ["`", "'", '"'])
def test_a_tag_that_is_quoted_in_another_piece_is_a_word_of_the_answer(quote):
    assert told(["a", f"b{quote}", "</think>c"]) == ("", f"ab{quote}</think>c")


@pytest.mark.parametrize("start", ["", "<think>", "<think>a</think>", "a</think>"])
@pytest.mark.parametrize("piece", ["<", " ", "'", "</think", "x"])
def test_many_pieces_take_no_long_time(start, piece):
    reasoning, text = told([*([start] if start else []), *[piece] * 20_000])
    assert len(reasoning) + len(text) <= 20_000 * len(piece) + 1
