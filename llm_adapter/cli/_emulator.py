"""`llm-adapter emulator`: a provider on this machine."""

from __future__ import annotations

import ipaddress
import math
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from ._output import Output, one_line

if TYPE_CHECKING:
    from ..providers import Provider
    from ..testing.emulator import Emulator, Seen

_BANNER = """\
{name} is emulated at {url}; Ctrl-C stops it. To use it:

{exports}

"""


def _finite(context: click.Context, option: click.Parameter, value: float) -> float:
    if math.isnan(value):
        raise click.BadParameter("nan is not a number.", context, option)
    return value


@click.command(short_help="Run a provider on this machine, for tests and demos.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Where to listen; only this machine reaches the default.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    metavar="NUMBER",
    help="0 takes a free one.",
)
@click.option(
    "--latency",
    type=click.FloatRange(0, 3600),
    callback=_finite,
    default=0.0,
    metavar="SECONDS",
    help="Time before every answer.",
)
@click.option(
    "--chance",
    type=click.FloatRange(0, 1),
    callback=_finite,
    default=0.0,
    metavar="PROBABILITY",
    help="How often a request meets a rate limit, an error or a broken answer: 0 to 1.",
)
def emulator(host: str, port: int, latency: float, chance: float) -> None:
    """Run providers to test against: no key, no cost, the same answers every time.

    A line for each request goes to standard error. Ctrl-C or SIGTERM ends it with 0.
    """
    from ..testing.emulator import serve

    try:
        serve(
            host,
            port,
            latency=latency,
            chance=chance,
            on_request=_log,
            on_start=_announce,
        )
    except OSError as error:
        raise click.ClickException(
            f"The emulator cannot listen at {host}, port {port}: {error.strerror}. "
            "Choose another --host or --port."
        ) from error


def _announce(running: Emulator) -> None:
    from ..providers import PROVIDERS
    from ..testing.emulator.dialects import PROVIDERS as EMULATED

    output = Output()
    for name in EMULATED:
        url = running.base_url(name)
        exports = "\n".join(
            f"    export {each}" for each in _exports(PROVIDERS[name], url)
        )
        output.write(_BANNER.format(name=name, url=url, exports=exports))
    bound = urlsplit(running.url).hostname or ""
    if not ipaddress.ip_address(bound).is_loopback:
        _say("Warning: whoever can reach this machine can use the emulator.")


def _exports(provider: Provider, url: str) -> list[str]:
    """The variables that lead a program to an emulated provider, with their values."""
    if provider.appends_path == "always":  # so does its own SDK
        url = url.removesuffix(provider.base_path)
    exports = [f"{provider.url_variable}={url}"]
    if provider.key_required:
        exports.append(f"{provider.key_variable}=any-key-will-do")
    return exports


def _log(seen: Seen) -> None:
    """A line for a request, without what may hold secrets: headers, query, user."""
    path = seen.path.partition("?")[0].rpartition("@")[2]
    _say(f"{time.strftime('%X')} {seen.method} {path} {_details(seen.json)}")


def _details(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    details = [str(body.get("model", "")), "streamed" if body.get("stream") else ""]
    return " ".join(details)


def _say(text: str) -> None:
    with suppress(OSError, ValueError):  # nobody to hear it
        click.echo(one_line(text)[:200], err=True)
