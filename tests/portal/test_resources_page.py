"""The page of resources: filters, search, sort, paging, empty states, and nothing hostile gets through."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.models import Resource
from tenants.models import Subscription, Tenant, User
from tests.conftest import person, signed_in, sync

PAGE_ROWS = 50


def get(user: User, **parameters: str) -> Any:
    """The page's answer."""
    return signed_in(user).get("/resources/", parameters)


def text(answer: Any) -> str:
    """The page without its mark-up's white space."""
    return re.sub(r"\s+", " ", answer.content.decode())


def names(answer: Any) -> list[str]:
    """The names in the table, from top to bottom."""
    assert answer.status_code == 200
    found = re.findall(r'<th scope="row" class="cut" title="([^"]*)"', answer.content.decode())
    return [html.unescape(name) for name in found]


def all_names(user: User, **parameters: str) -> list[str]:
    """The names on every page."""
    found: list[str] = []
    for page in range(1, 10):
        here = names(get(user, page=str(page), **parameters))
        found += here
        if len(here) < PAGE_ROWS:
            return found
    raise AssertionError("The pages have no end.")


def true_names(azure: Simulator, tenant: str = "contoso") -> list[str]:
    """The names in the simulated Azure."""
    return [resource.name for resource in azure.truth(tenant).resources]


def add(tenant: Tenant, name: str, **values: object) -> None:
    """One more resource, next to those that were read."""
    with entered(Scope.of(tenant.id)):
        subscription = Subscription.objects.first()
        now = timezone.now()
        usual = {
            "azure_id": f"/x/{name}",
            "azure_id_hash": f"{abs(hash(name)):064}"[:64],
            "type": "microsoft.test/things",
            "tags": {},
            "sku": {},
            "zones": [],
            "identity": {},
            "first_seen_at": now,
            "stored_at": now,
        }
        Resource.objects.create(tenant=tenant, subscription=subscription, name=name, **{**usual, **values})


@pytest.fixture
def synced(contoso: Tenant) -> Tenant:
    """Contoso after a complete run."""
    assert sync(contoso).outcome == "ok"
    return contoso


def test_the_pages_together_hold_every_resource_once(azure: Simulator, synced: Tenant, bob: User) -> None:
    truth = true_names(azure)
    assert len(truth) > PAGE_ROWS

    assert sorted(all_names(bob)) == sorted(truth)
    first = text(get(bob))
    assert f"1–{PAGE_ROWS} of {len(truth)} resources" in first
    assert 'rel="next"' in first
    assert 'rel="prev"' not in first


def test_every_filter_narrows_to_the_truth(azure: Simulator, synced: Tenant, bob: User) -> None:
    there = azure.truth("contoso").resources
    one = next(row for row in there if row.tags and row.location != "global")
    tag, value = next(iter((one.tags or {}).items()))
    expected: dict[str, tuple[str, Callable[[Any], bool]]] = {
        "type": (one.type.upper(), lambda row: row.type.lower() == one.type.lower()),
        "region": (one.location.upper(), lambda row: row.location == one.location),
        "resource_group": (
            one.resource_group.upper(),
            lambda row: row.resource_group.lower() == one.resource_group.lower(),
        ),
        "subscription": (one.subscription_id.upper(), lambda row: row.subscription_id == one.subscription_id),
        "q": (one.name[1:5].upper(), lambda row: one.name[1:5].lower() in row.name.lower()),
        "tag": (tag.upper(), lambda row: tag.lower() in {key.lower() for key in row.tags or {}}),
    }
    for parameter, (asked, fits) in expected.items():
        wanted = sorted(row.name for row in there if fits(row))
        assert 0 < len(wanted) < len(there) or parameter == "tag", parameter
        assert sorted(all_names(bob, **{parameter: asked})) == wanted, parameter
    with_value = [
        row.name
        for row in there
        if (tag.lower(), value.lower()) in {(key.lower(), held.lower()) for key, held in (row.tags or {}).items()}
    ]
    assert sorted(all_names(bob, tag=f"{tag}:{value}")) == sorted(with_value)


def test_filters_in_force_stay_in_the_form_and_in_the_links(synced: Tenant, bob: User) -> None:
    page = text(get(bob, tenant="contoso", q="a", sort="-type"))

    assert 'value="contoso" selected' in page
    assert re.search(r'id="filter-q"[^>]* value="a"', page)
    assert 'name="sort" value="-type"' in page
    links = [html.unescape(link) for link in re.findall(r'href="(\?[^"]*page=[^"]*)"', page)]
    assert all("q=a" in link and "sort=-type" in link and "tenant=contoso" in link for link in links)


@pytest.mark.parametrize("word", ["name", "type", "region", "resource_group"])
def test_each_sort_word_turns_the_list(synced: Tenant, bob: User, word: str) -> None:
    column = {"region": "location"}.get(word, word)
    up, down = all_names(bob, sort=word), all_names(bob, sort=f"-{word}")

    assert down == up[::-1]
    with entered(Scope.of(synced.id)):
        assert up == list(Resource.objects.live().order_by(column, "id").values_list("name", flat=True))
    assert 'aria-sort="ascending"' in text(get(bob, sort=word))
    assert 'aria-sort="descending"' in text(get(bob, sort=f"-{word}"))


def test_deleted_resources_are_shown_on_request_only(azure: Simulator, synced: Tenant, bob: User) -> None:
    before = set(all_names(bob))
    azure.advance(days=20)
    sync(synced)
    there = set(true_names(azure))
    gone = before - there
    assert gone

    assert set(all_names(bob)) == set(all_names(bob, deleted="no")) == there
    assert gone <= set(all_names(bob, deleted="yes"))
    assert set(all_names(bob, deleted="any")) == before | there


def test_a_member_of_two_tenants_sees_both_and_one_on_request(
    azure: Simulator, synced: Tenant, fabrikam: Tenant, auditor: User
) -> None:
    sync(fabrikam)

    both = sorted(true_names(azure) + true_names(azure, "fabrikam"))
    assert sorted(all_names(auditor)) == both
    assert sorted(all_names(auditor, tenant="FABRIKAM")) == sorted(true_names(azure, "fabrikam"))


def test_hostile_tags_and_names_are_escaped(azure: Simulator, synced: Tenant, bob: User) -> None:
    evil = "<script>alert(1)</script>"
    assert any("<script" in value for row in azure.truth("contoso").resources for value in (row.tags or {}).values())
    add(synced, f'"><img src=x onerror=alert(1)>{evil}', tags={f"{evil}\"'": evil}, resource_group=evil)

    for parameters in ({}, {"page": "2"}, {"sort": "-name"}, {"q": evil}, {"tag": evil}, {"region": evil}):
        page = get(bob, **parameters).content.decode()
        assert "<script>alert" not in page
        assert "<img" not in page
    assert html.escape(evil) in get(bob, q="<script>").content.decode()


@pytest.mark.parametrize(
    ("parameters", "named", "kept"),
    [
        ({"nonsense": "1", "q": "kept"}, "nonsense", 'value="kept"'),
        ({"sort": "price", "q": "kept"}, "sort", 'value="kept"'),
        ({"deleted": "maybe"}, "deleted", 'value="maybe" selected'),
        ({"tenant": "fabrikam"}, "tenant", 'value="fabrikam" selected'),
        ({"tag": ":value"}, "tag", 'value=":value"'),
        ({"q": "a\x00b", "resource_group": "kept"}, "q", 'value="kept"'),
        ({"q": "x" * 513}, "q", f'value="{"x" * 513}"'),
        ({"<script>alert(1)</script>": "1"}, "&lt;script&gt;", ""),
    ],
)
def test_problems_are_400_named_and_the_form_keeps_the_input(
    synced: Tenant, fabrikam: Tenant, bob: User, parameters: dict[str, str], named: str, kept: str
) -> None:
    answer = get(bob, **parameters)

    page = text(answer)
    assert answer.status_code == 400
    assert 'role="alert"' in page
    assert named in page
    assert kept in page
    assert '<th scope="row" class="cut"' not in page
    assert "<script>" not in page


def test_a_repeated_parameter_is_400(synced: Tenant, bob: User) -> None:
    answer = signed_in(bob).get("/resources/?resource_group=a&resource_group=b")

    assert answer.status_code == 400
    assert "resource_group was given more than once" in text(answer)


def test_a_foreign_and_a_missing_tenant_are_refused_alike(synced: Tenant, fabrikam: Tenant, bob: User) -> None:
    foreign, missing = (text(get(bob, tenant=name)) for name in ("fabrikam", "fabricom"))

    assert _without_token(foreign) == _without_token(missing).replace("fabricom", "fabrikam")


def _without_token(page: str) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)


@pytest.mark.parametrize("page", ["0", "-1", "abc", "1.5", "99999999999", "١", "1 ", "0x1", "²"])
def test_what_is_no_page_number_is_400(synced: Tenant, bob: User, page: str) -> None:
    assert get(bob, page=page).status_code == 400


def test_a_page_beyond_the_last_is_the_last(synced: Tenant, bob: User) -> None:
    assert names(get(bob, page="999999999")) == names(get(bob, page="2"))
    assert names(get(bob, page="")) == names(get(bob, page="1")) == names(get(bob))


def test_before_the_first_sync_it_says_so(bob: User) -> None:
    page = text(get(bob))

    assert "No resources have been read yet" in page
    assert 'href="/syncs/"' in page


def test_a_person_without_a_tenant_is_told(db: None) -> None:
    assert "You may not see any tenant yet" in text(get(person("dana@contoso.example")))


def test_no_match_is_certain_only_when_everything_was_read(
    synced: Tenant, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = text(get(bob, q="no-such-name"))
    assert "No resource matches these filters" in page
    assert "there is none in the tenants that you may see" in page

    monkeypatch.delenv("CONTOSO_CLIENT_SECRET")
    sync(synced)

    assert "so there may still be one" in text(get(bob, q="no-such-name"))


def test_the_list_says_how_complete_it_is(synced: Tenant, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Everything expected was received from contoso." in text(get(bob))

    monkeypatch.delenv("CONTOSO_CLIENT_SECRET")
    sync(synced)

    page = text(get(bob))
    assert "The last run received nothing; what is shown is older." in page
    assert "(withheld) is not set" in page  # a reader does not learn where the secret is
    assert "CONTOSO_CLIENT_SECRET" not in page
    assert names(get(bob))


def test_the_choices_follow_the_data(azure: Simulator, contoso: Tenant, bob: User) -> None:
    sync(contoso)
    get(bob)  # the choices are kept from here on
    with entered(Scope.of(contoso.id)):
        types = set(Resource.objects.values_list("type", flat=True))
    page = get(bob).content.decode()
    assert all(f'value="{type_}"' in page for type_ in types)

    azure.advance(days=30)
    sync(contoso)

    page = get(bob).content.decode()
    with entered(Scope.of(contoso.id)):
        types = set(Resource.objects.values_list("type", flat=True))
    assert all(f'value="{type_}"' in page for type_ in types)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_list_is_only_read(bob: User, method: str) -> None:
    assert getattr(signed_in(bob), method)("/resources/").status_code == 405
