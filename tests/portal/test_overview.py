"""The overview: every number equals what the simulated Azure holds, and what is wrong is named."""

import re
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import SyncRun
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.models import ResourceChange
from tenants.actions import group_tenants
from tenants.models import Subscription, Tenant, User
from tests.conftest import person, read_open_month, signed_in, sync
from tests.portal.test_resources_page import text


def overview(user: User, query: str = "") -> str:
    """The page."""
    answer = signed_in(user).get(f"/{query}")
    assert answer.status_code == 200
    return text(answer)


def chart(page: str, title: str) -> dict[str, int]:
    """The numbers of a chart by their label."""
    found = re.search(rf"<figcaption>{title}</figcaption>(.*?)</figure>", page)
    assert found, title
    rows = re.findall(r'<th scope="row"[^>]*>(.*?)</th>.*?<td class="number">([^<]*)</td>', found[1])
    return {re.sub(r"<[^>]*>", "", label).strip(): int(number.replace("\u202f", "")) for label, number in rows}


def figures(page: str) -> dict[str, int]:
    """What changed in the last days, by kind."""
    found = re.findall(r"<dt>(\w+)</dt> <dd[^>]*> *(\d+) *</dd>", page)
    return {word: int(number) for word, number in found}


@pytest.fixture
def both(contoso: Tenant, fabrikam: Tenant) -> list[Tenant]:
    """Two tenants, read whole."""
    for tenant in (contoso, fabrikam):
        assert sync(tenant).outcome == "ok"
    return [contoso, fabrikam]


def test_the_charts_hold_the_truth(azure: Simulator, both: list[Tenant], auditor: User) -> None:
    there = [*azure.truth("contoso").resources, *azure.truth("fabrikam").resources]

    page = overview(auditor)

    assert f"{len(there)} resources in 2 tenants" in page
    by_type = chart(page, "By type")
    truth = Counter(row.type.lower() for row in there)
    named = {label: count for label, count in by_type.items() if not label.endswith(" others")}
    assert named == {label: truth[label] for label in named}
    assert len(named) == 8
    assert sum(by_type.values()) == len(there)
    assert chart(page, "By tenant") == {name: len(azure.truth(name).resources) for name in ("contoso", "fabrikam")}
    assert sum(chart(page, "By region").values()) == len(there)


def test_a_bar_leads_to_its_resources(both: list[Tenant], auditor: User) -> None:
    page = overview(auditor, "?tenant=contoso")

    (region,) = re.findall(r'href="(/resources/\?tenant=contoso&amp;region=[^"]*)"', page)[:1]
    label = region.rpartition("region=")[2]
    listed = text(signed_in(auditor).get(region.replace("&amp;", "&")))
    assert (
        f"of {chart(page, 'By region')[label]} resources" in listed
        or f"–{chart(page, 'By region')[label]} of" in listed
    )


@pytest.mark.parametrize("query", ["?tenant=contoso", "?group=ours"])
def test_it_is_narrowed_like_every_page(azure: Simulator, both: list[Tenant], auditor: User, query: str) -> None:
    group_tenants("ours", both[:1])
    overview(auditor)  # the numbers of all tenants are kept from here on

    page = overview(auditor, query)

    assert chart(page, "By tenant") == {"contoso": len(azure.truth("contoso").resources)}
    assert "in 1 tenant " in page
    assert "fabrikam" not in re.sub(r'<details class="menu switcher">.*?</details>', "", page)


def test_a_member_sees_their_own_numbers_only(azure: Simulator, both: list[Tenant], auditor: User, bob: User) -> None:
    overview(auditor)

    page = overview(bob)

    assert chart(page, "By tenant") == {"contoso": len(azure.truth("contoso").resources)}
    assert "fabrikam" not in page


def test_what_changed_is_counted_without_the_first_reading(azure: Simulator, both: list[Tenant], bob: User) -> None:
    assert figures(overview(bob)) == {"Created": 0, "Changed": 0, "Deleted": 0, "Returned": 0}

    azure.advance(days=12)
    done = sync(both[0])

    page = overview(bob)
    assert done.created
    assert done.gone
    assert figures(page) == {
        "Created": done.created,
        "Changed": done.changed,
        "Deleted": done.gone,
        "Returned": done.returned,
    }
    latest = re.findall(r'<a class="cut" href="(/resources/[^"]+/)" title="([^"]*)"', page)
    assert len(latest) == 8
    assert latest[0][1] in text(signed_in(bob).get(latest[0][0]))


def test_older_changes_leave_the_week_and_then_the_chart(azure: Simulator, both: list[Tenant], bob: User) -> None:
    azure.advance(days=12)
    done = sync(both[0])
    with entered(Scope.of(both[0].id)):
        ResourceChange.objects.update(at=timezone.now() - timedelta(days=9))
        Tenant.objects.update(data_version=99)

    page = overview(bob)

    assert set(figures(page).values()) == {0}
    assert f": {done.created + done.changed + done.gone + done.returned} resources from" in page


def test_nothing_wrong_is_said_only_when_everything_was_received(
    azure: Simulator, both: list[Tenant], bob: User
) -> None:
    assert "Costs of contoso have not been read yet" in overview(bob)
    assert read_open_month(azure, both[0]).outcome == "ok"
    assert "Every sync received what it expected" in overview(bob)

    azure.faults.add(Fault("bad_row", path="ResourceGraph", how="oversized_name", times=1))
    assert sync(both[0]).outcome == "partial"

    page = overview(bob)
    assert "Resources of contoso were read in part" in page
    assert "set aside" in page
    assert "Every sync received what it expected" not in page


def test_the_orphans_are_those_of_the_simulated_azure(azure: Simulator, both: list[Tenant], bob: User) -> None:
    page = overview(bob)

    orphans = [row for row in azure.truth("contoso").resources if row.orphan_reason]
    found = re.search(r'href="/orphans/">(\d+) orphans</a>', page)
    assert found
    assert int(found[1]) >= len(orphans) > 0  # empty resource groups are counted too
    assert sum(chart(page, "Orphans by age").values()) == int(found[1])
    listed = text(signed_in(bob).get("/orphans/"))
    assert f"<strong>{found[1]}</strong> orphans now" in listed


def test_before_any_judgement_no_number_is_shown(bob: User) -> None:
    page = overview(bob)

    assert "1 of 1 tenant is not judged yet" in page
    assert " orphans</a>" not in page


def test_a_failed_a_stale_and_an_unread_tenant_are_told_apart(
    both: list[Tenant], auditor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONTOSO_CLIENT_SECRET")
    sync(both[0])
    with entered(Scope.of(both[1].id)):
        SyncRun.objects.update(finished_at=timezone.now() - timedelta(hours=13))

    page = overview(auditor)

    assert "Resources of contoso could not be read" in page
    assert "Resources of fabrikam were last read too long ago" in page


def test_before_the_first_sync_it_says_so(bob: User) -> None:
    page = overview(bob)

    assert "Resources of contoso have not been read yet" in page
    assert "No resources have been read yet." in page


def test_a_lost_subscription_is_named_with_its_remedy(both: list[Tenant], bob: User) -> None:
    with entered(Scope.of(both[0].id)):
        lost = Subscription.objects.first()
        lost.access_lost_at = timezone.now()
        lost.save()

    page = overview(bob)

    assert f"Subscription {lost.name} of contoso is not visible since" in page
    assert "role Reader" in page
    assert f'href="/tenants/{both[0].id}/">Subscription {lost.name}' in page


def test_a_person_without_a_tenant_is_told(db: None) -> None:
    assert "You may not see any tenant yet" in overview(person("dana@contoso.example"))


@pytest.mark.parametrize("query", ["?tenant=fabrikam", "?group=nobody", "?type=x", "?page=2"])
def test_problems_are_400(both: list[Tenant], bob: User, query: str) -> None:
    answer = signed_in(bob).get(f"/{query}")

    assert answer.status_code == 400
    assert 'role="alert"' in text(answer)


def test_nobody_is_asked_to_sign_in(db: None) -> None:
    answer = signed_in(None).get("/")

    assert answer.status_code == 302
    assert answer["Location"] == "/sign-in/?next=/"
