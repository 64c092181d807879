"""The pages of orphans, changes and tags: what they say when all is well, and when nothing can be said."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.hygiene import AGES, judged_at, orphan_summary, orphans_of
from inventory.models import HygieneState, Orphan, Resource, ResourceChange, TagRule
from inventory.tasks import judge_tags
from tenants.models import Tenant, User
from tests.conftest import signed_in, sync
from tests.inventory.orphan_truth import orphans_true


def text(answer: Any) -> str:
    """The page without its mark-up."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def get(user: User, path: str, **parameters: str) -> Any:
    """A page's answer."""
    return signed_in(user).get(path, parameters)


def new_rule(user: User, tenant: Tenant, **more: str) -> Any:
    """Send the form of a new rule."""
    sent = {"tenant": tenant.name, "key": "Environment", "is_required": "true", **more}
    return signed_in(user).post("/tags/rules/", sent)


# --- orphans ----------------------------------------------------------------------------------------------------------


def test_orphans_before_any_sync_are_not_none_but_not_judged(contoso: Tenant, bob: User) -> None:
    page = text(get(bob, "/orphans/"))

    assert "Nothing is judged yet" in page
    assert "contoso" in page
    assert "No tenant has been judged yet" in page
    assert "found no orphan" not in page


def test_the_orphans_with_the_words_of_their_rules(azure: Simulator, contoso: Tenant, bob: User) -> None:
    sync(contoso)

    page = text(get(bob, "/orphans/"))

    count = len(orphans_true(azure, contoso))
    assert f"of {count} orphans" in page
    assert "were orphans already when first judged" in page
    assert "Azure counts no site in it." in page
    assert "at least" in page
    for title in ("Orphans by rule", "Orphans by age", *(title for _, title in AGES)):
        assert title in page


def test_a_tenant_that_is_not_judged_is_named_beside_one_that_is(
    azure: Simulator, contoso: Tenant, fabrikam: Tenant, auditor: User
) -> None:
    sync(contoso)

    page = text(get(auditor, "/orphans/"))

    assert "1 of 2 tenants are not judged yet" in page
    assert "fabrikam" in page


def test_what_cannot_be_told_is_counted_apart(azure: Simulator, contoso: Tenant, bob: User) -> None:
    azure.faults.add(Fault("forbidden", path="ResourceGraph"))
    sync(contoso)

    page = text(get(bob, "/orphans/", verdict="unknown"))

    assert "Azure has not told its properties." in page
    assert "it cannot be told" in page
    assert "Partial" in page


def test_a_wrong_filter_is_named(contoso: Tenant, bob: User) -> None:
    answer = get(bob, "/orphans/", rule="none")

    assert answer.status_code == 400
    assert "Nothing was looked for" in text(answer)


def test_the_summary_adds_up(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    now = timezone.now()

    with entered(Scope.of(contoso.id)):
        summary = orphan_summary(now=now)
        nobody = orphan_summary([], now=now)
        first = Orphan.objects.orphaned().exclude(resource=None).select_related("resource").first()
        periods = orphans_of(first.resource)
        assert judged_at(contoso.id) is not None

    count = len(orphans_true(azure, contoso))
    assert summary.orphaned == count == sum(rule.orphaned for rule in summary.rules)
    assert sum(number for _, number in summary.ages) == count == summary.at_least
    assert (summary.tenants, summary.unjudged, summary.is_judged) == (1, (), True)
    assert (nobody.orphaned, nobody.is_judged) == (0, False)
    assert periods == [first]


@pytest.mark.parametrize(("days", "place"), [(0, 0), (6, 0), (7, 1), (29, 1), (30, 2), (90, 3), (364, 3), (365, 4)])
def test_each_orphan_is_in_exactly_one_age(azure: Simulator, contoso: Tenant, days: int, place: int) -> None:
    sync(contoso)
    now = timezone.now()
    with entered(Scope.of(contoso.id)):
        Orphan.objects.update(since=now - timedelta(days=days))
        summary = orphan_summary(now=now)

    assert [bool(count) for _, count in summary.ages] == [number == place for number in range(len(AGES))]


# --- changes ----------------------------------------------------------------------------------------------------------


def test_the_feed_shows_before_and_after_and_says_where_it_is_cut(azure: Simulator, contoso: Tenant, bob: User) -> None:
    sync(contoso)
    with entered(Scope.of(contoso.id)):
        resource = Resource.objects.first()
        fields = [{"field": f"properties.p{number}", "before": None, "after": "x" * 200} for number in range(5)]
        fields[0]["before"] = "<script>alert(1)</script>"
        ResourceChange.objects.create(
            tenant=contoso, resource=resource, kind="changed", at=timezone.now(), fields=fields
        )

    answer = get(bob, "/changes/")
    page = text(answer)

    assert "properties.p0" in page
    assert "x" * 59 + "…" in page
    assert "x" * 60 not in page
    assert "and 2 more" in page
    assert b"<script>alert" not in answer.content
    assert "1–1 of 1 change" in page


def test_first_readings_are_left_out_and_said_to_be(azure: Simulator, contoso: Tenant, bob: User) -> None:
    sync(contoso)

    page = text(get(bob, "/changes/"))

    assert "There are no changes" in page
    assert "What the first reading of a subscription found is left out" in page
    assert "60 changes" in text(get(bob, "/changes/", baseline="any"))


# --- tags -------------------------------------------------------------------------------------------------------------


def test_without_rules_there_is_nothing_to_keep(azure: Simulator, contoso: Tenant, bob: User) -> None:
    sync(contoso)

    page = text(get(bob, "/tags/"))

    assert "no rule yet: nothing to keep" in page
    assert "There is no rule to break" in page
    assert "%" not in page
    assert "Add a rule" not in page


def test_a_new_rule_is_being_judged_and_then_counted(azure: Simulator, contoso: Tenant, alice: User) -> None:
    sync(contoso)
    answer = new_rule(alice, contoso, allowed_values="prod\ndev\n")
    assert answer.status_code == 303

    waiting = text(get(alice, "/tags/"))
    judge_tags(str(contoso.id))
    judged = text(get(alice, "/tags/"))

    assert "Being judged by rules that changed" in waiting
    assert "being judged since" in waiting
    assert "%" not in waiting
    assert "No violation is known yet" in waiting
    assert "Being judged" not in judged
    assert re.search(r"\d+ %", judged)
    assert "Name in another letter case" in judged
    assert "Tag is missing" in judged


def test_a_percentage_of_what_is_not_complete_says_so(azure: Simulator, contoso: Tenant, alice: User) -> None:
    new_rule(alice, contoso)
    azure.faults.add(Fault("bad_row", path="ResourceGraph", query_contains="order by id", how="null_name"))
    sync(contoso)

    page = text(get(alice, "/tags/"))

    assert "of what was read, which is not complete or not fresh" in page


def test_a_rule_is_changed_and_deleted_by_its_form(contoso: Tenant, alice: User) -> None:
    new_rule(alice, contoso, types="Microsoft.Web/sites, microsoft.compute/disks")
    with entered(Scope.of(contoso.id)):
        rule = TagRule.objects.get()
    browser, one = signed_in(alice), f"/tags/rules/{rule.id}/"

    assert "microsoft.compute/disks\nmicrosoft.web/sites" in browser.get(one).content.decode()
    changed = browser.post(one, {"key": "env", "allowed_values": "a\r\nb"})
    with entered(Scope.of(contoso.id)):
        rule.refresh_from_db()
        assert (changed.status_code, rule.key, rule.is_required) == (303, "env", False)
        assert (rule.allowed_values, rule.types) == (["a", "b"], [])
    assert browser.post(one, {"action": "delete"}).status_code == 303
    with entered(Scope.of(contoso.id)):
        assert not TagRule.objects.in_force().exists()
    assert browser.get(one).status_code == 404


def test_a_form_that_is_refused_keeps_what_was_written_and_says_why(contoso: Tenant, alice: User) -> None:
    new_rule(alice, contoso)

    answer = new_rule(alice, contoso, key="ENVIRONMENT", allowed_values="kept <b>words</b>")

    assert answer.status_code == 400
    assert "There is a rule for this tag and these types already" in text(answer)
    assert "kept &lt;b&gt;words&lt;/b&gt;" in answer.content.decode()


def test_who_may_write_rules_on_the_page(
    contoso: Tenant, alice: User, olga: User, bob: User, charlie: User, auditor: User
) -> None:
    new_rule(alice, contoso)
    with entered(Scope.of(contoso.id)):
        rule = TagRule.objects.get()

    for user, status in ((olga, 403), (bob, 403), (auditor, 403), (charlie, 404)):
        assert new_rule(user, contoso, key="owner").status_code == status
        assert signed_in(user).post(f"/tags/rules/{rule.id}/", {"key": "x"}).status_code == status
        assert signed_in(user).post(f"/tags/rules/{rule.id}/", {"action": "delete"}).status_code == status
    assert "Save" not in text(get(bob, f"/tags/rules/{rule.id}/"))
    with entered(Scope.of(contoso.id)):
        assert [row.key for row in TagRule.objects.in_force()] == ["Environment"]


def test_an_upgraded_estate_is_shown_as_not_judged(azure: Simulator, contoso: Tenant, bob: User) -> None:
    sync(contoso)
    with entered(Scope.of(contoso.id)):
        HygieneState.objects.all().delete()
        Orphan.objects.all().delete()

    page = text(get(bob, "/orphans/"))

    assert "Nothing is judged yet" in page
    assert "There are no orphans" not in page
