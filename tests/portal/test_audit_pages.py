"""The pages of the audit trail: who reads which events, what one tells, the chains, and who looked at a tenant."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.utils import timezone

from audit.anchors import anchor_moved_chains
from audit.standalone.verify_audit import read_anchors, verify_trail
from audit.trail import PLATFORM
from audit.verbs import Verb
from governance import storage
from governance.access import Role
from governance.keys import new_id
from governance.tenancy import Scope, entered
from tenants.actions import group_tenants, pause_tenant, set_credentials
from tenants.models import Tenant, User
from tests.audit.trails import events
from tests.conftest import person, signed_in


@pytest.fixture
def logs(settings: LazySettings, tmp_path: Path) -> Path:
    """A container for the anchors of this test alone."""
    settings.STORAGES = {**settings.STORAGES, **storage.aliases(tmp_path)}
    return tmp_path / "logs"


def text_of(user: User, address: str, *, status: int = 200) -> str:
    """The page as this person gets it."""
    answer = signed_in(user).get(address)
    assert answer.status_code == status, answer.content[:500]
    return str(answer.content.decode())


def paused(tenant: Tenant) -> str:
    """Pause a tenant; the id of the event that tells of it."""
    with entered(Scope.of(tenant.id)):
        pause_tenant(tenant)
    return str(events(tenant.id)[-1].id)


def test_an_admin_reads_the_events_of_their_tenant_and_of_no_other(
    contoso: Tenant, fabrikam: Tenant, alice: User
) -> None:
    ours, theirs = paused(contoso), paused(fabrikam)
    group_tenants("everybody", [contoso, fabrikam])

    page = text_of(alice, "/audit/")

    assert ours in page
    assert theirs not in page
    assert "fabrikam" not in page
    assert "Changed a group" not in page.split("<tbody>")[1]
    text_of(alice, f"/audit/{ours}/")
    text_of(alice, f"/audit/{theirs}/", status=404)
    text_of(alice, f"/audit/{events(PLATFORM)[0].id}/", status=404)


@pytest.mark.parametrize("who", ["bob", "olga"])
def test_readers_and_operators_read_no_event_and_are_told_why(
    who: str, contoso: Tenant, request: pytest.FixtureRequest
) -> None:
    user, ours = request.getfixturevalue(who), paused(contoso)

    assert "The trail of a tenant is for its admins" in text_of(user, "/audit/")
    assert "There is no chain that you may read" in text_of(user, "/audit/chains/")
    text_of(user, f"/audit/{ours}/", status=404)
    text_of(user, f"/audit/chains/{contoso.id}/events.jsonl", status=403)
    text_of(user, f"/tenants/{contoso.id}/looks/", status=403)


def test_who_is_admin_here_and_reader_there_reads_the_events_of_here(contoso: Tenant, fabrikam: Tenant) -> None:
    mary = person("mary@both.example", contoso=Role.ADMIN, fabrikam=Role.READER)
    ours, theirs = paused(contoso), paused(fabrikam)

    page = text_of(mary, "/audit/")

    assert (ours in page, theirs in page) == (True, False)
    text_of(mary, f"/audit/{theirs}/", status=404)


def test_the_auditor_reads_every_chain(contoso: Tenant, fabrikam: Tenant, auditor: User) -> None:
    group_tenants("everybody", [contoso])
    of_all = {paused(contoso), paused(fabrikam), str(events(PLATFORM)[-1].id)}

    page = text_of(auditor, "/audit/")

    assert all(key in page for key in of_all)
    assert str(events(PLATFORM)[-2].id) in text_of(auditor, "/audit/?chain=platform&verb=group.changed")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("verb=tenant.paused", True),
        ("verb=tenant.resumed", False),
        ("target=contoso", True),
        ("target=nothing-like-it", False),
        ("actor=run by", True),
        ("actor=nobody-like-it", False),
        ("outcome=done", True),
        ("outcome=refused", False),
        ("kind=process", True),
        ("kind=person", False),
        ("since=2020-01-01", True),
        ("until=2020-01-01", False),
        ("tenant=contoso", True),
    ],
)
def test_each_filter_changes_the_answer(query: str, found: bool, contoso: Tenant, alice: User) -> None:  # noqa: FBT001
    ours = paused(contoso)

    assert (ours in text_of(alice, f"/audit/?{query}")) is found


def test_a_change_shows_before_and_after_without_the_secret(contoso: Tenant, pat: User) -> None:
    new = new_id()
    with entered(Scope.of(contoso.id)):
        set_credentials(contoso, client_id=new, secret_ref="env:VERY_PRIVATE")

    page = text_of(pat, f"/audit/{events(contoso.id)[-1].id}/")

    assert str(contoso.azure_tenant_id) in page
    assert "(censored)" in page
    assert page.count("_changed</th>") == 2
    assert not any(word in page for word in ("VERY_PRIVATE", contoso.secret_ref, str(contoso.client_id), str(new)))


def test_the_chains_say_how_far_they_are_anchored_and_verified(contoso: Tenant, alice: User, logs: Path) -> None:
    assert "not yet verified" in text_of(alice, "/audit/chains/")
    anchor_moved_chains(timezone.now())
    call_command("verify_audit", "--tenant", "contoso")

    page = text_of(alice, "/audit/chains/")

    assert "whole," in page or "up to event" in page
    assert "Unbroken" in page
    assert "the platform" not in page.split("<tbody>")[1].split("</tbody>")[0]


def test_what_is_taken_along_proves_itself(contoso: Tenant, alice: User, logs: Path, tmp_path: Path) -> None:
    paused(contoso)
    anchor_moved_chains(timezone.now())
    browser = signed_in(alice)

    def taken(what: str) -> bytes:
        answer: Any = browser.get(f"/audit/chains/{contoso.id}/{what}.jsonl")
        return b"".join(answer.streaming_content)

    (tmp_path / "anchors.jsonl").write_bytes(taken("anchors"))
    [proof] = verify_trail(taken("events").splitlines(keepends=True), read_anchors(tmp_path / "anchors.jsonl"))

    assert proof.chain == str(contoso.id)
    assert (proof.anchors, proof.unanchored) == (1, 2)  # that the two files were taken along
    assert [event.verb for event in events(contoso.id)][-2:] == [Verb.TRAIL_EXPORTED] * 2
    verifier = browser.get("/audit/verify_audit.py").content
    assert verifier == Path("audit/standalone/verify_audit.py").read_bytes()


def test_the_chain_of_a_stranger_and_the_platforms_are_not_there(contoso: Tenant, charlie: User) -> None:
    for chain in (contoso.id, PLATFORM):
        text_of(charlie, f"/audit/chains/{chain}/events.jsonl", status=404)
        text_of(charlie, f"/audit/chains/{chain}/anchors.jsonl", status=404)


def test_the_trail_is_exported_as_a_list_too(contoso: Tenant, fabrikam: Tenant, alice: User, bob: User) -> None:
    paused(contoso)
    paused(fabrikam)
    wanted = {"list": "audit", "format": "csv", "query": "verb=tenant.paused"}

    answer: Any = signed_in(alice).post("/exports/", wanted)

    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert ["contoso" in line for line in lines[1:]] == [True]
    assert signed_in(bob).post("/exports/", wanted).status_code == 400
    through_api = {"list": "audit", "format": "csv"}
    assert signed_in(bob).post("/api/v1/exports/", through_api, content_type="application/json").status_code == 400


def test_who_looked_names_the_platforms_people_and_no_other_tenant(
    contoso: Tenant, fabrikam: Tenant, alice: User, bob: User, auditor: User
) -> None:
    mary = person("mary@both.example", contoso=Role.READER, fabrikam=Role.READER)
    signed_in(bob).get("/changes/")
    signed_in(auditor).get("/resources/")
    signed_in(mary).get("/resources/")
    exported: Any = signed_in(mary).post("/exports/", {"list": "resources", "format": "csv", "query": ""})
    assert b"".join(exported.streaming_content)

    page = text_of(alice, f"/tenants/{contoso.id}/looks/")

    rows = page.split("<tbody>")[1]
    assert "bob@contoso.example" in rows
    assert "audrey@platform.example" in rows
    assert "platform auditor" in rows
    assert rows.count(">mary@both.example<") == 2
    assert "together with other tenants" in rows
    assert "fabrikam" not in page


def test_a_look_at_every_tenant_before_this_one_was_connected_is_none_at_it(
    contoso: Tenant, alice: User, auditor: User, azure: Any
) -> None:
    signed_in(auditor).get("/resources/")
    with entered(Scope.of(contoso.id)):
        Tenant.objects.filter(id=contoso.id).update(connected_at=timezone.now())

    assert "audrey@platform.example" not in text_of(alice, f"/tenants/{contoso.id}/looks/").split("</table>")[0]


def test_the_command_names_what_is_unanchored_and_the_first_broken_link(
    contoso: Tenant, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    anchor_moved_chains(timezone.now())
    paused(contoso)

    call_command("verify_audit", "--all", "--json")

    facts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    of_contoso = next(fact for fact in facts if fact["of"] == "contoso")
    assert (of_contoso["unanchored"], of_contoso["anchored_sequence"]) == (1, of_contoso["events"] - 1)
