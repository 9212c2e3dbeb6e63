"""How long a provider asks us to wait: from headers, or from its message."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
_LONGEST_WAIT = 1e9  # a number beyond it counts from the epoch, as gateways may do
_PIECE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)(ns|us|µs|ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_PIECE.pattern})+")
_IN_MESSAGE = re.compile(
    rf"(?:try again|retry) in ((?:{_PIECE.pattern})+)", re.IGNORECASE
)


def retry_after(
    headers: Mapping[str, str],
    *,
    now: float,
    wait: str | None = None,
    message: str = "",
) -> float | None:
    """Seconds that the provider wants us to wait, None when it does not say.

    `retry-after-ms` stands before `retry-after` (seconds or an HTTP date), and both
    before what the body says: a duration of its own, or "try again in 7.66s" in its
    message. A date is measured against the
    answer's own `Date` header, so a clock that is wrong does not matter.

    Args:
        headers: of the answer, with lower-case names.
        now: seconds since the epoch, for a date without a `Date` beside it.
        wait: a duration that the body names.
        message: the provider's error message.

    >>> retry_after({"retry-after": "2.5"}, now=0)
    2.5
    >>> retry_after({}, now=0, message="Please try again in 1m2.5s.")
    62.5
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    value = headers.get("retry-after", "")
    seconds = _number(value)
    if seconds is not None:
        since_epoch = seconds > _LONGEST_WAIT
        return max(0.0, seconds - now if since_epoch else seconds)
    date = _date(value)
    if date is not None:
        sent = _date(headers.get("date", ""))
        return max(0.0, date - (now if sent is None else sent))
    for named in (value, wait or ""):
        asked = duration(named)
        if asked is not None:
            return asked
    match = _IN_MESSAGE.search(message)
    return duration(match[1].lower()) if match else None


def duration(text: str) -> float | None:
    """Seconds of a duration such as 20ms, 7.66s or 1m2.5s.

    >>> duration("6m0s")
    360.0
    """
    if not _DURATION.fullmatch(text):
        return None
    return math.fsum(float(n) * _UNITS[unit] for n, unit in _PIECE.findall(text))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _date(text: str) -> float | None:
    if not text[:1].isalpha():
        return None
    # Imported late: dates are rare, and these take longer than all of this module.
    from datetime import UTC
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(text)
        # HTTP's dates are in GMT, also where they do not say so.
        zone = date.tzinfo or UTC
        return date.replace(tzinfo=zone).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
