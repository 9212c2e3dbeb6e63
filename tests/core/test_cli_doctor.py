"""`llm-adapter doctor`: what is set up, what works, and nothing that is secret."""

from __future__ import annotations

import json
import socket
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from llm_adapter import LLMFactory, LLMResponse, LLMService, cli
from llm_adapter.cli._at_once import Outcome, all_at_once
from llm_adapter.cli._surroundings import as_store
from llm_adapter.ledger._database import Database
from llm_adapter.testing.emulator import Emulator, Reply, faults
from tests.command_line import KEY, Terminal
from tests.command_line import run as run

PASSWORD = "5ecre7-w0rd"


@pytest.fixture
def emulator(monkeypatch):
    """For groq, and for the local server."""
    with Emulator() as running:
        monkeypatch.setenv("GROQ_API_KEY", KEY)
        monkeypatch.setenv("GROQ_BASE_URL", running.url)
        monkeypatch.setenv("LOCAL_LLM_BASE_URL", running.base_url("local"))
        yield running


@pytest.fixture
def found(run):
    """What programs read: the exit code, the object, the providers by name."""

    def found(*arguments):
        code, printed, _ = run("doctor", "--json", *arguments)
        data = json.loads(printed)
        return code, data, {each["provider"]: each for each in data["providers"]}

    return found


def dated(skew):
    """An answer of a server whose clock is ahead."""
    date = datetime.now(UTC) + timedelta(seconds=skew)
    headers = {"date": format_datetime(date, usegmt=True)}
    return Reply(body={"data": [{"id": "a"}]}, headers=headers)


# -- providers ------------------------------------------------------------------------


def test_chosen_provider_that_works_ends_with_0(run, emulator):
    code, printed, said = run("doctor")
    assert (code, said) == (0, "")
    [groq] = [line for line in printed.splitlines() if line.startswith("*")]
    words = groq.split()
    assert words[1:4] == ["groq", "works", "GROQ_API_KEY"]
    assert "(environment)" in words
    assert "$0.00075" in words


def test_json_tells_all_of_a_provider(found, emulator):
    code, data, providers = found()
    assert (code, data["works"], data["chosen"]) == (0, True, "groq")
    groq = providers["groq"]
    assert groq.pop("latency") >= 0
    assert groq.pop("models") > 0
    assert groq == {
        "provider": "groq",
        "chosen": True,
        "status": "works",
        "key": {"variable": "GROQ_API_KEY", "from": "environment"},
        "base_url": f"{emulator.url}/openai/v1",
        "proxied": False,
        "pool": "own",
        "model": "openai/gpt-oss-120b",
        "cost_of_1000_in_and_out": "0.00075",
        "clock_skew": None,
        "error": None,
    }


def test_local_server_is_asked_and_others_without_a_key_are_not(found, emulator):
    _, _, providers = found()
    assert providers["local"]["status"] == "works"
    assert providers["openai"]["status"] == "no key"
    assert providers["openai"]["key"] == {"variable": "OPENAI_API_KEY", "from": None}
    assert {seen.method for seen in emulator.seen} == {"GET"}
    assert len(emulator.seen) == 2


def test_local_server_that_does_not_run_is_no_fault_of_the_chosen_one(
    found, emulator, monkeypatch
):
    monkeypatch.setenv("LOCAL_LLM_BASE_URL", "http://127.0.0.1:9/v1")
    code, _, providers = found()
    assert code == 0
    assert providers["local"]["status"] == "failed"
    assert providers["local"]["error"]["type"] == "LLMConnectionError"


def test_missing_key_ends_with_3(run, monkeypatch):
    monkeypatch.setenv("LOCAL_LLM_BASE_URL", "http://127.0.0.1:9/v1")
    code, printed, said = run("doctor")
    assert code == 3
    assert "GROQ_API_KEY is not set" in printed
    assert "set the environment variable GROQ_API_KEY" in said
    assert "LLM_PROVIDER" in said


def test_wrong_key_ends_with_3(run, emulator):
    emulator.always(faults.invalid_api_key())
    code, printed, said = run("doctor")
    assert code == 3
    assert "failed" in printed
    assert "Check the key" in said


def test_no_connection_ends_with_5(run, emulator, monkeypatch):
    monkeypatch.setenv("GROQ_BASE_URL", "http://127.0.0.1:9")
    assert run("doctor")[0] == 5


def test_silent_server_is_not_waited_for(found, emulator):
    emulator.always(faults.stall())
    code, _, providers = found("--timeout", "0.2")
    assert code == 5
    assert providers["groq"]["error"]["type"] == "LLMTimeoutError"


def test_base_url_that_is_none_is_told(found, emulator, monkeypatch):
    monkeypatch.setenv("GROQ_BASE_URL", "ftp://x")
    code, _, providers = found()
    assert code == 3
    assert providers["groq"]["base_url"] is None
    assert "GROQ_BASE_URL is 'ftp://x'" in providers["groq"]["error"]["message"]


def test_base_url_that_is_missing_without_a_key_is_no_error(found, emulator):
    assert found()[2]["azure"]["status"] == "no key"


def test_key_of_dotenv_is_told_as_such(found, emulator, monkeypatch, tmp_path):
    monkeypatch.delenv("GROQ_API_KEY")
    (tmp_path / ".env").write_text(f"GROQ_API_KEY={KEY}\n")
    monkeypatch.chdir(tmp_path)
    assert found()[2]["groq"]["key"] == {"variable": "GROQ_API_KEY", "from": ".env"}


def test_token_counts_as_a_key(found, emulator, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", emulator.base_url("anthropic"))
    anthropic = found()[2]["anthropic"]
    assert anthropic["key"]["variable"] == "ANTHROPIC_AUTH_TOKEN"


def test_offline_asks_nobody(found, emulator):
    code, data, providers = found("--offline")
    assert (code, data["works"]) == (0, False)
    assert providers["groq"]["status"] == "not asked"
    assert emulator.seen == ()


@pytest.mark.parametrize("options", [(), ("--offline",)])
def test_provider_that_nobody_knows_ends_with_3(run, emulator, monkeypatch, options):
    monkeypatch.setenv("LLM_PROVIDER", "nope")
    code, _, said = run("doctor", *options)
    assert code == 3
    assert "Unknown LLM provider 'nope'. Known are: anthropic, " in said


class Installed:
    """An entry point of a package."""

    name = "elsewhere"
    value = "elsewhere:Own"

    def load(self):
        return Own


def test_installed_adapter_is_known_offline(found, emulator, monkeypatch):
    monkeypatch.setattr(
        "llm_adapter._registry.entry_points", lambda group: [Installed()]
    )
    monkeypatch.setenv("LLM_PROVIDER", "elsewhere")
    code, _, providers = found("--offline")
    assert (code, providers["elsewhere"]["status"]) == (0, "not asked")


def test_model_and_price_are_those_of_the_settings(found, emulator, monkeypatch):
    monkeypatch.setenv("LLM_PROVIDER", "groq:openai/gpt-oss-20b")
    groq = found("--offline")[2]["groq"]
    assert groq["model"] == "openai/gpt-oss-20b"
    assert groq["cost_of_1000_in_and_out"] == "0.000375"


def test_prices_of_ones_own_count(found, emulator, monkeypatch, tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text('[groq."openai/gpt-oss-120b"]\ninput = 1\noutput = 2\n')
    monkeypatch.setenv("LLM_PRICES_FILE", str(path))
    assert found("--offline")[2]["groq"]["cost_of_1000_in_and_out"] == "0.003"


def test_mock_is_asked_as_well(found, emulator, monkeypatch):
    monkeypatch.setenv("LLM_PROVIDER", "mock")
    code, _, providers = found()
    assert (code, providers["mock"]["models"]) == (0, 1)


class Own(LLMService):
    def generate(self, request, **overrides):
        return LLMResponse("Hi", "m")

    def get_provider_name(self):
        return "own"

    def get_available_models(self):
        return []

    def list_models(self):
        raise RuntimeError("out of order")


def test_adapter_that_fails_in_its_own_way_is_an_error(run, monkeypatch):
    monkeypatch.setattr(LLMFactory, "_registered", {"own": Own})
    monkeypatch.setenv("LLM_PROVIDER", "own")
    code, _, said = run("doctor")
    assert code == 1
    assert "RuntimeError: out of order" in said


def test_setting_that_cannot_be_read_is_named(run, monkeypatch):
    monkeypatch.setenv("LLM_MAX_RETRIES", "many")
    code, _, said = run("doctor")
    assert code == 3
    assert "LLM_MAX_RETRIES is 'many'" in said


# -- the clock ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("skew", "said"), [(3_600, "clock: off by 3,"), (0, "clock: right")]
)
def test_clock_is_compared_with_that_of_the_providers(run, emulator, skew, said):
    emulator.always(dated(skew))
    assert said in run("doctor")[1]


def test_clock_is_told_to_programs(found, emulator):
    emulator.always(dated(-600))
    _, data, providers = found()
    assert -605 < data["clock_skew"] < -595
    assert providers["groq"]["clock_skew"] < -595


@pytest.mark.parametrize("date", ["noon", "Sun, 99 Nov 2026 12:00:00 GMT"])
def test_date_that_is_none_says_nothing(found, emulator, date):
    emulator.always(Reply(body={"data": []}, headers={"date": date}))
    assert found()[1]["clock_skew"] is None


# -- surroundings ---------------------------------------------------------------------


def test_proxies_are_shown_without_their_passwords(run, emulator, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://me:{PASSWORD}@127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "example.com")
    code, printed, said = run("doctor")
    assert code == 5
    assert "http://***@127.0.0.1:9" in printed
    assert "example.com" in printed
    assert " through a proxy: " in printed
    assert PASSWORD not in printed + said


def test_certificates_of_the_environment_are_told(found, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such.pem")
    assert found("--offline")[1]["network"] == {"SSL_CERT_FILE": "/no/such.pem"}


def test_versions_are_told(found, monkeypatch):
    versions = found("--offline")[1]["versions"]
    assert versions["llm-adapter"] == "0.1.0"
    assert versions["httpx"]
    assert "Python" in versions["python"]


def test_extra_that_is_missing_is_told(run, monkeypatch):
    monkeypatch.setattr("llm_adapter.cli._surroundings._EXTRAS", ("no-such-package",))
    printed = run("doctor", "--offline")[1]
    assert "no-such-package  not installed" in printed


def test_stores_that_are_not_set_are_told(found):
    data = found("--offline")[1]
    assert data["stores"]["cache"] == {"url": None, "works": None, "note": "not set"}


def test_offline_looks_at_no_store(found, monkeypatch):
    monkeypatch.setenv("LLM_CACHE_URL", f"redis://:{PASSWORD}@127.0.0.1:9/0")
    cache = found("--offline")[1]["stores"]["cache"]
    shown = "redis://***@127.0.0.1:9/0"
    assert cache == {"url": shown, "works": None, "note": "not looked at"}


def test_files_are_not_made_by_looking_at_them(found, emulator, monkeypatch, tmp_path):
    monkeypatch.setenv("LLM_CACHE_URL", f"sqlite:///{tmp_path}/cache.db")
    monkeypatch.setenv("LLM_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    stores = found()[1]["stores"]
    assert [stores[name]["works"] for name in ("cache", "ledger")] == [True, True]
    assert "no file yet" in stores["ledger"]["note"]
    assert list(tmp_path.iterdir()) == []


def test_ledger_that_is_there_is_told(found, emulator, monkeypatch, tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    database = Database(url)
    database.usage()
    database.close()
    monkeypatch.setenv("LLM_LEDGER_URL", url)
    assert "a file of " in found()[1]["stores"]["ledger"]["note"]


def test_file_that_is_no_database_is_told(found, emulator, monkeypatch, tmp_path):
    (tmp_path / "ledger.db").write_text("Not a database. " * 100)
    monkeypatch.setenv("LLM_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    ledger = found()[1]["stores"]["ledger"]
    assert ledger["works"] is False
    assert "file is not a database" in ledger["note"]


def test_cache_in_memory_works(found, emulator, monkeypatch):
    monkeypatch.setenv("LLM_CACHE_URL", "memory://")
    assert found()[1]["stores"]["cache"]["note"] == "answers"


def test_servers_that_cannot_be_reached_are_told(run, emulator, monkeypatch):
    monkeypatch.setenv("LLM_CACHE_URL", f"redis://:{PASSWORD}@127.0.0.1:9/0")
    monkeypatch.setenv("LLM_LEDGER_URL", f"postgresql://me:{PASSWORD}@127.0.0.1:9/x")
    code, printed, said = run("doctor")
    assert code == 0
    assert "redis://***@127.0.0.1:9/0: ConnectionError: " in printed
    assert "postgresql://***@127.0.0.1:9/x: OperationalError: " in printed
    assert PASSWORD not in printed + said


@pytest.mark.parametrize("said", [PASSWORD, PASSWORD.replace("-", "%2D")])
def test_password_is_hidden_whoever_tells_it(said):
    url = f"redis://me:{PASSWORD.replace('-', '%2D')}@example.com/0"
    store = as_store(url, Outcome(error=ValueError(f"no {said} here\nnor there")))
    assert store.note == "ValueError: no *** here"


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("LLM_LEDGER_URL", f"mysql://me:{PASSWORD}@example.com/x"),
        ("LLM_CACHE_URL", f"redis://me:{PASSWORD}@[/0"),
    ],
)
def test_url_that_cannot_be_used_is_told_without_its_password(
    run, emulator, monkeypatch, name, url
):
    monkeypatch.setenv(name, url)
    code, printed, said = run("doctor")
    assert code == 0
    assert PASSWORD not in printed + said


def test_the_key_is_never_shown_not_even_a_part(run, emulator):
    emulator.always(faults.status(400, f"bad key {KEY}"))
    for options in ((), ("--json",)):
        _, printed, said = run("doctor", *options)
        assert KEY[:8] not in printed + said


# -- on a terminal --------------------------------------------------------------------


def test_terminal_gets_the_table_and_no_control_characters(emulator, monkeypatch):
    monkeypatch.setattr("sys.stdout", terminal := Terminal())
    monkeypatch.setattr("sys.stderr", Terminal())
    assert cli.main(["doctor"]) == 0
    assert "GROQ_API_KEY" in terminal.getvalue()
    assert "\x1b" not in terminal.getvalue()


# -- at once --------------------------------------------------------------------------


def test_calls_that_do_not_end_are_not_waited_for():
    for_ever = threading.Event()
    calls = {"late": for_ever.wait, "soon": lambda: True}
    found = all_at_once(calls, 0.1)
    for_ever.set()
    assert found["soon"].result is True
    assert "No answer in 0.1 s." in str(found["late"].error)


def test_host_that_accepts_and_says_nothing_is_not_waited_for(found, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("GROQ_API_KEY", KEY)
        monkeypatch.setenv("GROQ_BASE_URL", f"http://127.0.0.1:{port}")
        assert found("--timeout", "0.2")[0] == 5
