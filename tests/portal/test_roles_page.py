"""The matrix as people read it: the page, and docs/roles.md."""

import re
from io import StringIO

import pytest
from django.core.management import call_command

from governance.access import Role
from governance.doors import every_door
from tenants.models import Tenant, User
from tests.conftest import person, signed_in
from tests.portal.test_resources_page import text
from tests.processes import ROOT

FILE = ROOT / "docs" / "roles.md"


def words(user: User) -> str:
    """What the page says, without its markup."""
    page = text(signed_in(user).get("/roles/"))
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def held(user: User) -> dict[str, list[str]]:
    """The rows of the page's table: what stands in the columns of the roles, by permission."""
    page = text(signed_in(user).get("/roles/"))
    rows = re.findall(r'<th scope="row">\s*(.*?)\s*<p', page, re.S)
    cells = [re.findall(r">(yes|no)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", page, re.S)]
    return dict(zip(rows, [row for row in cells if row], strict=True))


def test_everybody_signed_in_reads_who_may_what(bob: User) -> None:
    found = held(bob)

    #                         signed in, reader, operator, admin, platform auditor, platform admin
    assert found["See the tenant"] == ["no", "yes", "yes", "yes", "yes", "yes"]
    assert found["Run syncs"] == ["no", "no", "yes", "yes", "no", "yes"]
    assert found["Manage people"] == ["no", "no", "no", "yes", "no", "yes"]
    assert found["See people"] == ["no", "no", "no", "yes", "yes", "yes"]
    assert found["Connect tenants"] == ["no", "no", "no", "no", "no", "yes"]


def test_ones_own_roles_stand_first(contoso: Tenant, fabrikam: Tenant, bob: User, auditor: User, pat: User) -> None:
    both = person("both@contoso.example", contoso=Role.ADMIN, fabrikam=Role.READER)

    assert "Admin of contoso Reader of fabrikam" in words(both)
    assert "Reader of contoso" in words(bob)
    assert "fabrikam" not in words(bob)
    assert "You have no role in any tenant yet." in words(person("nora@contoso.example"))
    for user, word in ((auditor, "Platform auditor."), (pat, "Platform admin.")):
        assert f"Mine {word}" in words(user)
        assert 'href="/platform-people/"' in text(signed_in(user).get("/roles/"))
    assert 'href="/platform-people/"' not in text(signed_in(bob).get("/roles/"))


def test_nobody_is_sent_to_sign_in(db: None) -> None:
    assert signed_in(None).get("/roles/")["Location"] == "/sign-in/?next=/roles/"


def test_the_document_is_what_the_command_writes_and_names_every_door() -> None:
    out = StringIO()

    call_command("roles", stdout=out)

    assert out.getvalue().rstrip() == FILE.read_text(encoding="utf-8").rstrip(), "run `manage.py roles` again"
    assert {door.address for door in every_door()} == set(re.findall(r"^\| `(/\S*)` \|", out.getvalue(), re.M))


@pytest.mark.parametrize("word", ["Reader", "Operator", "Admin", "Platform auditor", "Platform admin"])
def test_each_role_is_explained(word: str) -> None:
    assert re.search(rf"^\| \*\*{word}\*\* \| \w.*\. \|$", FILE.read_text(encoding="utf-8"), re.M)
