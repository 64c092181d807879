"""Saved views: a person's own questions, kept under a name, refused when they cannot be read."""

import html
import re
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError
from django.test import Client

from governance.access import Role
from governance.tenancy import Scope, entered
from tenants import actions, saved_views
from tenants.authorization import access_for
from tenants.models import Membership, SavedView, Tenant, User
from tenants.saved_views import save_view
from tests.conftest import person, signed_in
from tests.portal.test_resources_page import text


def save(user: User, **form: str) -> Any:
    """Send the form of the menu."""
    return signed_in(user).post("/views/", {"list": "resources", "query": "", "name": "mine", **form})


def views(user: User) -> list[tuple[str, str, str]]:
    """What is kept for a person."""
    with entered(access_for(user).scope):
        return list(SavedView.objects.of(user.id).values_list("listing", "name", "query"))


def menu(page: str) -> str:
    """The menu of views in a page."""
    found = re.search(r'<details class="menu saved-views">.*?</details>', page)
    assert found, page
    return found[0]


def test_a_view_keeps_the_question_and_leads_back_to_it(contoso: Tenant, bob: User) -> None:
    question = "type=microsoft.compute%2Fdisks&region=%21westeurope&sort=-name&columns=name&columns=region"

    answer = save(bob, name="  Disks  elsewhere ", query=f"{question}&page=3&q=")

    assert answer.status_code == 303
    assert answer["Location"] == f"/resources/?{question}"
    assert views(bob) == [("resources", "Disks elsewhere", question)]
    shown = signed_in(bob).get(answer["Location"])
    assert shown.status_code == 200
    assert f'<a href="/resources/?{html.escape(question)}" aria-current="true">Disks elsewhere</a>' in menu(text(shown))


def test_the_menu_shows_the_views_of_this_list_only(contoso: Tenant, bob: User) -> None:
    save(bob, name="of resources")
    save(bob, name="of runs", list="syncs", query="outcome=failed")

    assert "of resources" in menu(text(signed_in(bob).get("/resources/")))
    assert "of runs" not in menu(text(signed_in(bob).get("/resources/")))
    assert "of runs" in menu(text(signed_in(bob).get("/syncs/")))
    every = text(signed_in(bob).get("/views/"))
    assert "of runs" in every
    assert "of resources" in every


def test_the_order_of_parameters_makes_no_other_view(contoso: Tenant, bob: User) -> None:
    save(bob, query="q=a&sort=name")

    assert 'aria-current="true">mine' in menu(text(signed_in(bob).get("/resources/?sort=name&q=a&page=1")))
    assert "aria-current" not in menu(text(signed_in(bob).get("/resources/?sort=name&q=b")))


def test_saving_under_the_same_name_replaces(contoso: Tenant, bob: User) -> None:
    save(bob, query="q=a")
    save(bob, query="q=b")

    assert views(bob) == [("resources", "mine", "q=b")]


def test_two_people_may_use_the_same_name(contoso: Tenant, bob: User, alice: User) -> None:
    save(bob, query="q=bobs")
    save(alice, query="q=alices")

    assert views(bob) == [("resources", "mine", "q=bobs")]
    assert views(alice) == [("resources", "mine", "q=alices")]


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ({"query": "nonsense=1"}, "nonsense"),
        ({"query": "columns=price"}, "There is no column"),
        ({"query": "sort=price"}, "sort"),
        ({"query": "tenant=nowhere"}, "There is no such tenant, or you may not see it."),
        ({"query": "q=a&q=b"}, "q was given more than once"),
        ({"query": "q=" + "x" * 600}, "q"),
        (
            {
                "query": "type="
                + ",".join("x" * 60 for _ in range(1))
                + "&"
                + "&".join(f"type={n:040}" for n in range(60))
            },
            "query",
        ),
        ({"name": ""}, "Give it a name."),
        ({"name": " \t\n"}, "Give it a name."),
        ({"name": "x" * 81}, "at most 80"),
    ],
)
def test_what_cannot_be_kept_is_400_and_named(contoso: Tenant, bob: User, form: dict[str, str], named: str) -> None:
    answer = save(bob, **form)

    assert answer.status_code == 400
    assert 'role="alert"' in text(answer)
    assert named in html.unescape(text(answer))
    assert views(bob) == []


def test_a_foreign_tenant_in_a_question_is_refused_like_a_missing_one(
    contoso: Tenant, fabrikam: Tenant, bob: User
) -> None:
    foreign, missing = (save(bob, query=f"tenant={name}") for name in ("fabrikam", "fabricom"))

    assert foreign.status_code == missing.status_code == 400
    assert _without_token(foreign) == _without_token(missing)
    assert "fabrikam" not in text(foreign)


def _without_token(answer: Any) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text(answer))


def test_a_view_of_a_tenant_one_may_not_see_any_more_is_refused_as_any_question(
    contoso: Tenant, fabrikam: Tenant, bob: User
) -> None:
    actions.grant_role(bob, fabrikam, Role.READER)
    address = save(bob, query="tenant=fabrikam")["Location"]
    assert signed_in(bob).get(address).status_code == 200
    with entered(Scope.of(fabrikam.id)):
        Membership.objects.filter(user=bob).delete()

    answer = signed_in(bob).get(address)

    assert answer.status_code == 400
    assert "There is no such tenant, or you may not see it." in text(answer)
    assert signed_in(bob).get("/views/").status_code == 200


@pytest.mark.parametrize("listing", ["", "nothing", "views"])
def test_a_list_there_is_not_is_404(contoso: Tenant, bob: User, listing: str) -> None:
    assert save(bob, list=listing).status_code == 404
    assert views(bob) == []


def test_the_number_of_views_is_bounded(contoso: Tenant, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_views, "MOST_VIEWS", 2)
    for name in ("one", "two"):
        assert save(bob, name=name).status_code == 303

    refused = save(bob, name="three")

    assert refused.status_code == 400
    assert "delete one first" in text(refused)
    assert save(bob, name="two", query="q=a").status_code == 303  # replacing is no more


def key(user: User) -> str:
    """The key of a view this person saved."""
    with entered(access_for(user).scope):
        view, _ = save_view(user.id, listing="resources", name="mine", query="q=a")
    return str(view.id)


def test_the_owner_renames_and_deletes(contoso: Tenant, bob: User) -> None:
    browser, path = signed_in(bob), f"/views/{key(bob)}/"

    assert browser.get(path).status_code == 200
    renamed = browser.post(path, {"name": "<b>ours</b>"})
    assert (renamed.status_code, renamed["Location"]) == (303, "/views/")
    assert views(bob) == [("resources", "<b>ours</b>", "q=a")]
    for page in (path, "/views/", "/resources/"):
        assert "<b>ours" not in text(browser.get(page))
        assert "&lt;b&gt;ours&lt;/b&gt;" in text(browser.get(page))
    deleted = browser.post(path, {"do": "delete"})
    assert (deleted.status_code, deleted["Location"]) == (303, "/views/")
    assert views(bob) == []
    assert browser.get(path).status_code == 404


@pytest.mark.parametrize("name", ["", "taken", "x" * 81])
def test_a_name_that_cannot_be_is_400_and_kept_in_the_form(contoso: Tenant, bob: User, name: str) -> None:
    path = f"/views/{key(bob)}/"
    save(bob, name="taken")

    answer = signed_in(bob).post(path, {"name": name})

    assert answer.status_code == 400
    assert f'name="name" value="{name}"' in text(answer)
    assert ("resources", "mine", "q=a") in views(bob)


@pytest.mark.parametrize("who", ["alice", "charlie", "auditor"])
@pytest.mark.parametrize("form", [None, {"name": "stolen"}, {"do": "delete"}])
def test_nobody_else_reaches_a_view(
    contoso: Tenant, bob: User, who: str, form: dict[str, str] | None, request: pytest.FixtureRequest
) -> None:
    other = request.getfixturevalue(who)
    foreign = key(bob)

    def ask(view: str) -> tuple[int, str]:
        browser = signed_in(other)
        answer = browser.get(f"/views/{view}/") if form is None else browser.post(f"/views/{view}/", form)
        return answer.status_code, _without_token(answer)

    assert ask(foreign)[0] == 404
    assert ask(foreign) == ask(str(uuid4())) == ask("no-key")
    assert views(bob) == [("resources", "mine", "q=a")]
    assert "mine" not in menu(text(signed_in(other).get("/resources/")))


def test_every_write_needs_the_csrf_token(contoso: Tenant, bob: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(bob)

    for path, form in (("/views/", {"list": "resources", "name": "x"}), (f"/views/{key(bob)}/", {"do": "delete"})):
        assert strict.post(path, form).status_code == 403
    assert views(bob) == [("resources", "mine", "q=a")]


def test_the_form_of_the_menu_is_heard_with_its_token(contoso: Tenant, bob: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(bob)
    page = text(strict.get("/resources/?q=a&sort=-name"))
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', menu(page)))

    answer = strict.post("/views/", {**{name: html.unescape(value) for name, value in fields.items()}, "name": "mine"})

    assert answer.status_code == 303
    assert views(bob) == [("resources", "mine", "q=a&sort=-name")]


def test_a_list_that_was_not_understood_offers_no_saving(contoso: Tenant, bob: User) -> None:
    assert "Save what is shown as" not in text(signed_in(bob).get("/resources/?nonsense=1"))
    assert "Save what is shown as" in text(signed_in(bob).get("/resources/"))


def test_a_name_is_unique_by_person_and_list_in_the_database(contoso: Tenant, bob: User) -> None:
    key(bob)
    with pytest.raises(IntegrityError), entered(access_for(bob).scope):
        SavedView.objects.create(user=bob, listing="resources", name="mine", query="")


def test_a_person_without_views_is_told_how(db: None) -> None:
    page = text(signed_in(person("dana@contoso.example")).get("/views/"))

    assert "You have no saved views" in page
