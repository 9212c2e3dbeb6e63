"""What the services return, and whether a model's answer is that: pure functions.

A model may answer with anything. What is not usable is an LLMInvalidResponseError, as
if the library had found it, so that callers have one kind of error to think of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from llm_adapter import LLMInvalidResponseError, LLMResponse

_TONES = ("formal", "neutral", "warm")
_LENGTHS = ("short", "medium", "long")

MOST, LONGEST = 50, 1000
"""Phrases in a list, and characters in a phrase: answers go into other prompts."""

_BULLET = re.compile(r"^- (.+(?:\n  .+)*)", re.MULTILINE)


@frozen
class WritingStyle:
    """How somebody writes."""

    tone: str
    sentences: str
    habits: tuple[str, ...]

    def __str__(self) -> str:
        habits = "; ".join(habit.rstrip(".") for habit in self.habits)
        return f"{self.tone} tone, {self.sentences} sentences. {habits}."


@frozen
class Ranked:
    """An achievement, and how much it says for a job (0 to 100)."""

    achievement: str
    score: int
    reason: str


@frozen
class Ranking:
    """Achievements, the best first, and what the job asks for beyond them."""

    items: tuple[Ranked, ...]
    missing: tuple[str, ...]


def achievements(resume: str) -> dict[str, str]:
    """The bullet points of a resume by an id that a model can repeat.

    >>> achievements("- Built a bridge\\n  of steel.\\n- Slept.")
    {'A1': 'Built a bridge of steel.', 'A2': 'Slept.'}
    """
    bullets = (" ".join(bullet.split()) for bullet in _BULLET.findall(resume))
    return {f"A{number}": bullet for number, bullet in enumerate(bullets, 1)}


def checked_text(response: LLMResponse) -> str:
    """The answer's text, if it is one and whole.

    Raises:
        LLMInvalidResponseError: it is empty or was cut.
    """
    if response.finish_reason == "length":
        raise _unusable("The text was cut at its token limit", response.text)
    if not response.text.strip():
        raise _unusable("The answer is empty", response.text)
    return response.text.strip()


def checked_style(data: Mapping[str, Any]) -> WritingStyle:
    """The writing style in an answer.

    >>> checked_style({"tone": "warm", "sentences": "short", "habits": ["Starts so."]})
    WritingStyle(tone='warm', sentences='short', habits=('Starts so.',))

    Raises:
        LLMInvalidResponseError: the data is no writing style.
    """
    tone, sentences = data.get("tone"), data.get("sentences")
    _require(tone in _TONES, f"tone is not one of {', '.join(_TONES)}", data)
    _require(sentences in _LENGTHS, f"sentences: not of {', '.join(_LENGTHS)}", data)
    habits = _texts(data, "habits")
    _require(bool(habits), "habits is empty", data)
    return WritingStyle(str(tone), str(sentences), habits)


def checked_ranking(data: Mapping[str, Any], known: Mapping[str, str]) -> Ranking:
    """The ranking in an answer; it holds each known achievement once.

    Raises:
        LLMInvalidResponseError: it leaves one out, repeats one or makes one up, or a
            score is not a whole number from 0 to 100.
    """
    entries = data.get("ranking")
    _require(isinstance(entries, list), "ranking is not a list", data)
    assert isinstance(entries, list)
    ids = [entry.get("id") if isinstance(entry, dict) else None for entry in entries]
    once = len(ids) == len(known) and all(name in ids for name in known)
    _require(once, f"ranking does not hold each of {', '.join(known)} once", data)
    items = [_ranked(entry, known, data) for entry in entries]
    items.sort(key=lambda item: item.score, reverse=True)
    return Ranking(tuple(items), _texts(data, "missing"))


def _ranked(
    entry: Mapping[str, Any], known: Mapping[str, str], data: Mapping[str, Any]
) -> Ranked:
    score: Any = entry.get("score")
    reason: Any = entry.get("reason")
    _require(type(score) is int and 0 <= score <= 100, "a score is not 0 to 100", data)
    _require(_is_phrase(reason), "a reason is not a short text", data)
    return Ranked(known[entry["id"]], score, reason)


def _texts(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = data.get(key)
    few = isinstance(values, list) and len(values) <= MOST
    texts = few and all(_is_phrase(each) for each in values or ())
    _require(texts, f"{key} is not a short list of short texts", data)
    return tuple(values or ())


def _is_phrase(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST


def _require(condition: bool, fault: str, data: Mapping[str, Any]) -> None:
    if not condition:
        text = json.dumps(data, ensure_ascii=False)
        raise _unusable(f"The JSON is not what was asked for: {fault}", text)


def _unusable(fault: str, text: str) -> LLMInvalidResponseError:
    return LLMInvalidResponseError(f"{fault}.", text=text)
