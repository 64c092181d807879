"""The pages of groups of tenants: everybody sees theirs, platform admins make them."""

import re

import pytest

from governance.tenancy import Scope, entered
from tenants import forms
from tenants.actions import group_tenants
from tenants.models import Tenant, TenantGroup, TenantGroupMember, User
from tests.conftest import signed_in
from tests.portal.test_resources_page import text


@pytest.fixture
def both(contoso: Tenant, fabrikam: Tenant) -> TenantGroup:
    """A group of both tenants."""
    return group_tenants("emea", [contoso, fabrikam])


def members(name: str) -> set[str] | None:
    """The tenants of a group; None when there is none."""
    with entered(Scope.every_tenant(reason="A test looks at everything.")):
        group = TenantGroup.objects.filter(name=name).first()
        rows = TenantGroupMember.objects.filter(group=group).values_list("tenant__name", flat=True)
        return None if group is None else set(rows)


def test_a_group_shows_only_the_tenants_one_may_see(both: TenantGroup, alice: User, pat: User) -> None:
    for path in ("/tenants/groups/", f"/tenants/groups/{both.id}/"):
        mine, all_ = text(signed_in(alice).get(path)), text(signed_in(pat).get(path))
        assert "emea" in mine
        assert "contoso" in mine
        assert "fabrikam" not in mine
        assert "fabrikam" in all_
    assert "1 tenant that you may see" in text(signed_in(alice).get(f"/tenants/groups/{both.id}/"))


def test_a_group_without_a_tenant_of_mine_is_not_there(fabrikam: Tenant, alice: User) -> None:
    group = group_tenants("apac", [fabrikam])

    assert "apac" not in text(signed_in(alice).get("/tenants/groups/"))
    assert signed_in(alice).get(f"/tenants/groups/{group.id}/").status_code == 404


def test_a_platform_admin_makes_changes_and_deletes_a_group(contoso: Tenant, fabrikam: Tenant, pat: User) -> None:
    browser = signed_in(pat)

    made = browser.post("/tenants/groups/new/", {"name": "emea", "tenants": [str(contoso.id)]})
    assert (made.status_code, members("emea")) == (303, {"contoso"})
    path = made["Location"]
    assert re.search(rf'value="{contoso.id}"[^>]*checked', text(browser.get(path)))

    changed = browser.post(path, {"tenants": [str(fabrikam.id)]}, follow=True)
    assert "The group emea has 1 tenant now." in text(changed)
    assert members("emea") == {"fabrikam"}

    assert "Delete the group emea?" in text(browser.get(f"{path}delete/"))
    assert members("emea") == {"fabrikam"}
    deleted = browser.post(f"{path}delete/", follow=True)
    assert "The group emea is deleted." in text(deleted)
    assert members("emea") is None
    assert browser.get(path).status_code == 404


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "emea"}, "There is a group of this name already."),
        ({"name": "Not A Name"}, "Use lower-case letters"),
        ({"name": "new", "tenants": []}, "This field is required."),
        ({"name": "new", "tenants": ["01a209d8-045c-773c-afd8-2f72501c3d2f"]}, "is not one of the available choices"),
    ],
)
def test_what_cannot_be_a_group_is_said(
    both: TenantGroup, contoso: Tenant, pat: User, body: dict[str, object], words: str
) -> None:
    answer = signed_in(pat).post("/tenants/groups/new/", {"tenants": [str(contoso.id)], **body})

    assert answer.status_code == 400
    assert words in text(answer)
    assert (members("emea"), members("new")) == ({"contoso", "fabrikam"}, None)


def test_where_there_are_many_tenants_their_names_are_typed(
    both: TenantGroup, pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "MOST_CHECKBOXES", 1)
    browser, path = signed_in(pat), f"/tenants/groups/{both.id}/"
    assert re.search(r"<textarea[^>]*> contoso fabrikam</textarea>", text(browser.get(path)))

    wrong = browser.post(path, {"tenants": "contoso\nnowhere"})
    assert (wrong.status_code, members("emea")) == (400, {"contoso", "fabrikam"})
    assert "There is no such tenant: nowhere." in text(wrong)

    assert browser.post(path, {"tenants": " Contoso "}).status_code == 303
    assert members("emea") == {"contoso"}


@pytest.mark.parametrize(("who", "status"), [("alice", 403), ("bob", 403), ("auditor", 403)])
def test_nobody_else_does(
    both: TenantGroup, contoso: Tenant, request: pytest.FixtureRequest, who: str, status: int
) -> None:
    browser = signed_in(request.getfixturevalue(who))
    body = {"name": "mine", "tenants": [str(contoso.id)]}

    for path in ("new/", f"{both.id}/", f"{both.id}/delete/"):
        assert browser.post(f"/tenants/groups/{path}", body).status_code == status
    assert browser.get(f"/tenants/groups/{both.id}/delete/").status_code == status
    assert (members("emea"), members("mine")) == ({"contoso", "fabrikam"}, None)
