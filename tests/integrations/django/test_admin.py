"""The ledger in Django's administration."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from llm_adapter.integrations.django._ledger import DjangoDatabase
from tests.services.ledgers import record

PAGE = "/admin/llm_adapter/llmusage/"


@pytest.fixture
def admin(alias):
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    with override_settings(LLM_ADAPTER={"LEDGER_DATABASE": alias, "PROVIDER": "mock"}):
        yield client


@pytest.fixture
def book(alias):
    def book(**fields):
        made = record(**fields)
        DjangoDatabase(alias).insert([made])
        return made

    return book


def listed(client, **filters):
    response = client.get(PAGE, filters)
    assert response.status_code == 200
    return response.text


def totals(page):
    """The line above the list, by title."""
    table = page.partition('id="llm-totals"')[2].partition("</table>")[0]
    head, _, body = table.partition("<tbody>")
    cells = [
        [each.partition("<")[0] for each in part.split(mark)[1:]]
        for part, mark in ((head, '<th scope="col">'), (body, "<td>"))
    ]
    return dict(zip(*cells, strict=True))


def test_list_has_its_totals(admin, book):
    book(user_id="ann", cost=Decimal("1.25"))
    book(user_id="bob", cost=Decimal("0.25"), status="failed", error="LLMServerError")
    assert totals(listed(admin)) == {
        "Cost": "$1.5000",
        "Requests": "2",
        "Errors": "1 (50.0 %)",
        "Input tokens": "20",
        "Output tokens": "10",
        "Tokens": "30",
        "Spared by the cache": "0",
    }


@pytest.mark.parametrize(
    "filters",
    [
        {"day": "2026-11-24"},
        {"day__year": "2026", "day__month": "11", "day__day": "24"},
        {"provider": "openai"},
        {"model": "gpt"},
        {"workflow": "ranking"},
        {"status": "failed"},
        {"user_id": "ann"},
        {"q": "ann"},
        {"q": "rank"},
    ],
    ids=lambda filters: "-".join(filters) + next(iter(filters.values())),
)
def test_totals_are_those_of_what_is_filtered(admin, book, filters):
    from datetime import timedelta

    from tests.services.ledgers import NOON

    book(
        user_id="ann",
        provider="openai",
        model="gpt",
        workflow="ranking",
        status="failed",
        cost=Decimal("3"),
    )
    book(at=NOON + timedelta(days=40), user_id="bob", cost=Decimal("1"))
    assert totals(listed(admin, **filters))["Cost"] == "$3.0000"


def test_costs_that_are_not_known_are_not_zero(admin, book):
    book(cost=None)
    page = listed(admin)
    assert totals(page)["Cost"] == "unknown"
    assert '<td class="field-dollars">unknown</td>' in page


def test_costs_that_are_known_in_part_say_so(admin, book):
    book(cost=None)
    book(cost=Decimal("1"))
    cost = totals(listed(admin))["Cost"]
    assert cost == "$1.0000 (requests without a known price: 1)"


def test_what_nobody_knows_is_a_dash(admin, book):
    from llm_adapter.models import Usage

    book(cost=None, status="failed", usage=Usage())
    page = listed(admin)
    for name in ("user", "tokens", "dollars"):
        assert f'<td class="field-{name}">\u2013</td>' in page


def test_users_are_linked_where_there_is_one(admin, book):
    ann = User.objects.create_user("ann")
    book(user_id=str(ann.pk))
    book(user_id="of another system")
    book(user_id="9" * 30)
    page = listed(admin)
    assert f'<a href="/admin/auth/user/{ann.pk}/change/">ann</a>' in page
    assert '<td class="field-user">of another system</td>' in page
    assert f'<td class="field-user">{"9" * 30}</td>' in page


def test_users_are_not_linked_where_their_administration_is_not_there(admin, book):
    ann = User.objects.create_user("ann")
    book(user_id=str(ann.pk))
    with override_settings(ROOT_URLCONF="tests.integrations.django.own_admin_urls"):
        page = listed(admin)
    assert f'<td class="field-user">{ann.pk}</td>' in page


def test_names_are_escaped(admin, book):
    book(user_id="<script>alert(1)</script>")
    assert "<script>alert" not in listed(admin)


def test_one_request_can_be_looked_at(admin, book):
    made = book(user_id="ann", cost=Decimal("1e-12"), workflow="ranking")
    response = admin.get(f"{PAGE}{made.id}/change/")
    assert response.status_code == 200
    assert "ranking" in response.text


def test_nothing_can_be_added_changed_or_deleted(admin, book):
    made = book()
    assert admin.get(f"{PAGE}add/").status_code == 403
    assert admin.post(f"{PAGE}{made.id}/change/", {"model": "x"}).status_code == 403
    assert admin.post(f"{PAGE}{made.id}/delete/", {"post": "yes"}).status_code == 403


def test_wrong_filter_is_answered_as_ever(admin):
    response = admin.get(PAGE, {"nothing": "1"})
    assert response.status_code == 302
