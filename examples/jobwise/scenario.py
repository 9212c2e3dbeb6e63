"""What JobWise's providers answer where none is real.

In the demo the same bad day at every provider: the faults are said in each provider's
own words, which is the emulator's part. To the web applications, good answers only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from llm_adapter import MockLLMService
from llm_adapter.testing.emulator import Reply, Seen, faults

STYLE = json.dumps(
    {
        "tone": "neutral",
        "sentences": "short",
        "habits": [
            "Begins each achievement with a verb",
            "Gives a figure before and after",
            "Leaves out adjectives and pronouns",
        ],
    }
)

PROFILE = (
    "Backend engineer with six years of Python in production, on systems that show "
    "live positions: 300 ferries on a departure board within two seconds, 40,000 wind "
    "sensors on Kafka with 0.01 % of readings lost. Designed the timetable API that "
    "six partners use, and wrote the runbooks by which four teams share one rota. "
    "Speaks Swedish and English."
)

RANKING = json.dumps(
    {
        "ranking": [
            {"id": "A4", "score": 96, "reason": "Live departures from vehicles at sea"},
            {
                "id": "A5",
                "score": 91,
                "reason": "A timetable API that partners rely on",
            },
            {"id": "A1", "score": 88, "reason": "Streaming at scale, with proof"},
            {
                "id": "A6",
                "score": 80,
                "reason": "Daily releases, as the teams here want",
            },
            {"id": "A3", "score": 74, "reason": "On-call made bearable for four teams"},
            {"id": "A2", "score": 55, "reason": "Solid work, but not about live data"},
        ],
        "missing": ["Rust", "railways"],
    }
)
MALFORMED = RANKING[: RANKING.index(', {"id": "A1"')]

LETTER = """\
Dear hiring team at Halden Rail,

When a ferry left Kajplats late, 300 departure boards knew within two seconds. I \
built the service behind them, and the timetable API that six partners moved to from \
nightly files. That is the work you describe, on water instead of rails.

At Norrvind Energy I now run streams from 40,000 sensors on Kafka. We lost one \
reading in fifty; today it is one in ten thousand. Four teams there share one on-call \
rota from runbooks that I wrote, and nights have become quiet.

Your teams want to release every day. Contract tests took mine from monthly to daily, \
and I would like to show yours how. I have not written Rust yet; I speak Swedish.

Kind regards,
Mira Holm
"""


def ranked(prompt: str) -> str:
    """A ranking of the achievements in a prompt, whosever they are."""
    known = json.loads(RANKING)
    entries = {entry["id"]: entry for entry in known["ranking"]}
    names = re.findall(r"^(A\d+): ", prompt, re.MULTILINE)
    other = {"score": 50, "reason": "Says something of the work"}
    ranking = [entries.get(name, {"id": name, **other}) for name in names]
    return json.dumps({**known, "ranking": ranking})


RESPONSES: Mapping[str, Any] = {
    "writing style of this resume": STYLE,
    "Rewrite the summary": PROFILE,
    "Rank these achievements": lambda request: ranked(request.prompt),
    "cover letter": LETTER,
}
"""What a prompt is answered with, by words in it."""

WORD_SECONDS = 0.012


def replies(provider: str) -> tuple[Reply, ...]:
    """The answers to the requests of one act, in their order."""
    letter = Reply(text=LETTER, interval=WORD_SECONDS)
    # A server of one's own is first asked for its models, and says what it has.
    listed = (Reply(),) if provider == "local" else ()
    return (
        *listed,
        faults.rate_limited("1"),
        Reply(text=STYLE),
        faults.server_error(),
        Reply(text=PROFILE),
        Reply(text=MALFORMED),
        Reply(text=RANKING),
        letter | faults.truncated_stream(at=0.4),
        letter,
    )


def reply_to(seen: Seen) -> Reply:
    """The answer to a request in the dialect of Groq, whenever it comes."""
    prompt = seen.json["messages"][-1]["content"]
    text = MockLLMService(RESPONSES).generate(prompt).text
    return Reply(text=text, interval=WORD_SECONDS)
