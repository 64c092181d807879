"""Limits through the doors: who is counted, once; what is refused, and when to come again."""

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from governance.limits import EXPORTS, LIMITS, NOT_LIMITED, SIGN_IN, from_environment
from tenants.models import Tenant, User
from tests.api.program import Program, problem
from tests.conftest import person, signed_in
from tests.limits.conftest import Clock, SetLimits
from tests.portal.crawl import addresses, body_of

ME = "/api/v1/me/"
SIGN_IN_PAGE = "/sign-in/"
RATE = re.compile(r'"(?P<name>[a-z-]+)";r=(?P<left>\d+);t=(?P<seconds>\d+)')


def statuses(client: Client, path: str, times: int, **headers: Any) -> list[int]:
    """The status of each of so many visits."""
    return [client.get(path, **headers).status_code for _ in range(times)]


def left(response: Any) -> dict[str, int]:
    """What is left, by limit, as the answer tells it."""
    return {found["name"]: int(found["left"]) for found in RATE.finditer(response.get("RateLimit", ""))}


def try_password(client: Client, email: str, **headers: Any) -> int:
    """Try to sign in with a wrong password."""
    body = {"username": email, "password": "a long and wrong sentence"}
    return int(client.post(SIGN_IN_PAGE, body, **headers).status_code)


# --- people -----------------------------------------------------------------------------------------------------------


def test_a_person_is_counted_whichever_browser_and_address(limits: SetLimits, bob: User, olga: User) -> None:
    limits(person=3)
    laptop, phone = signed_in(bob), signed_in(bob)

    assert statuses(laptop, ME, 2) == [200, 200]
    assert statuses(phone, ME, 2, REMOTE_ADDR="203.0.113.9") == [200, 429]
    assert statuses(signed_in(olga), ME, 1) == [200]


def test_the_next_window_is_open_at_the_promised_second(limits: SetLimits, clock: Clock, bob: User) -> None:
    limits(person=1)
    browser = signed_in(bob)
    statuses(browser, ME, 1)
    refusal = browser.get(ME)
    wait = int(refusal["Retry-After"])
    assert 1 <= wait <= 60

    clock.at += wait - 1
    assert statuses(browser, ME, 1) == [429]
    clock.at += 1
    assert statuses(browser, ME, 1) == [200]


def test_a_request_is_counted_once(limits: SetLimits, contoso: Tenant, bob: User) -> None:
    limits(person=100, tenant=100)
    browser = signed_in(bob)

    for number, path in enumerate((ME, "/api/v1/tenants/?tenant=contoso", f"/api/v1/tenants/{contoso.id}/"), start=1):
        assert left(browser.get(path)) == {"person": 100 - number, "tenant": 100 - number}


class OneToken:
    """As if each request came with the token that its header names."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        """What reads tokens does this."""
        request.limit_key = request.headers.get("X-Token", "")
        return self.get_response(request)


def test_a_token_counts_for_itself_and_for_its_person(limits: SetLimits, settings: LazySettings, bob: User) -> None:
    settings.MIDDLEWARE = [f"{__name__}.OneToken", *settings.MIDDLEWARE]
    limits(token=2, person=3)

    one, other = ({"headers": {"X-Token": name}} for name in ("one", "other"))

    assert statuses(signed_in(bob), ME, 3, **one) == [200, 200, 429]
    assert statuses(signed_in(bob), ME, 1, **other) == [429], "the person has no more, whichever token"


def test_addresses_that_do_not_exist_are_counted_too(limits: SetLimits, bob: User) -> None:
    limits(person=2)

    assert statuses(signed_in(bob), "/nowhere/", 3) == [404, 404, 429]


def test_a_refusal_costs_no_query_but_who_asks(
    limits: SetLimits, bob: User, django_assert_max_num_queries: Any
) -> None:
    limits(person=1)
    browser = signed_in(bob)
    statuses(browser, "/", 1)

    with django_assert_max_num_queries(2):  # the person, and what they may reach
        assert statuses(browser, "/", 1) == [429]


# --- what the refusal says --------------------------------------------------------------------------------------------


def test_a_program_reads_a_problem_and_the_headers(limits: SetLimits, bob: User) -> None:
    limits(person=1)
    program = Program(bob)

    fine = program.ask("me/")
    refusal = program.ask("me/")

    assert fine["RateLimit-Policy"] == refusal["RateLimit-Policy"] == '"person";q=1;w=60'
    assert left(fine) == left(refusal) == {"person": 0}
    found = problem(refusal, 429)
    assert found["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert found["violated-policies"] == ["person"]
    assert refusal["Retry-After"] in found["detail"]
    assert f"t={refusal['Retry-After']}" in refusal["RateLimit"]
    assert "no-store" in refusal["Cache-Control"]


def test_a_person_reads_a_page_without_script(limits: SetLimits, bob: User) -> None:
    limits(person=1)
    browser = signed_in(bob)
    statuses(browser, "/resources/?region=westeurope", 1)

    refusal = browser.get("/resources/?region=westeurope")
    html = refusal.content.decode()

    assert refusal.status_code == 429
    assert f"Try again in {refusal['Retry-After']} second" in html
    assert 'href="/resources/?region=westeurope"' in html
    assert "RateLimit" not in refusal


def test_htmx_shows_the_refusal_in_place_of_the_page(limits: SetLimits, bob: User) -> None:
    limits(person=1)
    browser = signed_in(bob)
    whole = browser.get("/resources/").content.decode()

    refusal = browser.get("/resources/?sort=name", headers={"HX-Request": "true"})

    assert (refusal.status_code, refusal["HX-Retarget"], refusal["HX-Reselect"]) == (429, "#main", "#main")
    assert '<main id="main"' in refusal.content.decode()
    assert '{"code": "429", "swap": true, "error": true}' in whole


# --- nobody -----------------------------------------------------------------------------------------------------------


def test_nobody_is_counted_by_address(limits: SetLimits, db: None) -> None:
    limits(address=2)

    assert statuses(Client(), SIGN_IN_PAGE, 3) == [200, 200, 429]
    assert statuses(Client(), ME, 1, REMOTE_ADDR="203.0.113.9") == [401]


def test_what_the_sender_writes_does_not_make_a_new_address(
    limits: SetLimits, settings: LazySettings, db: None
) -> None:
    limits(address=2)
    settings.TRUSTED_PROXY_HOPS = 1

    found = [
        Client().get(SIGN_IN_PAGE, headers={"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.7"}).status_code
        for number in range(3)
    ]

    assert found == [200, 200, 429]


def test_the_probe_of_the_platform_is_never_refused(limits: SetLimits, db: None) -> None:
    limits(address=1)

    assert statuses(Client(), "/healthz", 5) == [200] * 5
    assert statuses(Client(), "/healthz/data", 2) == [503, 429]


# --- signing in -------------------------------------------------------------------------------------------------------


def test_one_address_tries_few_passwords(limits: SetLimits, db: None) -> None:
    limits(sign_in_address=3)

    tries = [try_password(Client(), f"p{number}@contoso.example") for number in range(4)]

    assert tries == [200, 200, 200, 429]
    assert statuses(Client(), SIGN_IN_PAGE, 1) == [200], "the form itself may be looked at"


@pytest.mark.parametrize("email", ["dana@contoso.example", "nobody@contoso.example"])
def test_an_account_is_counted_the_same_whether_there_is_one(limits: SetLimits, db: None, email: str) -> None:
    person("dana@contoso.example")
    limits(sign_in_account=2)

    assert [try_password(Client(), spelt) for spelt in (email, email.upper(), f" {email}")] == [200, 200, 429]


def test_a_stranger_cannot_shut_out_somebody_at_another_address(limits: SetLimits, db: None) -> None:
    email, password = "dana@contoso.example", "a long and unusual sentence"
    User.objects.create_user(email, password=password)
    limits(sign_in_account=3, sign_in_name=5)
    for _ in range(50):
        last = try_password(Client(), email, REMOTE_ADDR="203.0.113.66")
    assert last == 429

    answer = Client().post(SIGN_IN_PAGE, {"username": email, "password": password}, REMOTE_ADDR="203.0.113.7")

    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_many_addresses_together_try_one_account_a_limited_number_of_times(limits: SetLimits, db: None) -> None:
    limits(sign_in_account=3, sign_in_name=5)

    tries = [try_password(Client(), "dana@contoso.example", REMOTE_ADDR=f"203.0.113.{n}") for n in range(7)]

    assert tries == [200] * 5 + [429] * 2


# --- tenants ----------------------------------------------------------------------------------------------------------


def test_a_tenant_is_counted_for_all_its_people(limits: SetLimits, contoso: Tenant, bob: User, olga: User) -> None:
    limits(tenant=3)

    assert statuses(signed_in(bob), ME, 2) == [200, 200]
    assert statuses(signed_in(olga), ME, 2) == [200, 429]


def test_a_stranger_who_names_a_tenant_does_not_eat_its_budget(
    limits: SetLimits, contoso: Tenant, fabrikam: Tenant, bob: User, charlie: User
) -> None:
    limits(tenant=1000)
    stranger = signed_in(charlie)
    for path in (f"/api/v1/tenants/{contoso.id}/", "/api/v1/resources/?tenant=contoso", f"/tenants/{contoso.id}/"):
        assert stranger.get(path).status_code in {400, 404}
        assert Client().get(path).status_code in {302, 401}

    assert left(signed_in(bob).get(ME)) == {"tenant": 999}


def test_who_sees_many_tenants_is_counted_for_the_one_that_is_named(
    limits: SetLimits, contoso: Tenant, fabrikam: Tenant, auditor: User
) -> None:
    limits(tenant=2)
    browser = signed_in(auditor)
    of_all, of_one = "/api/v1/resources/", "/api/v1/resources/?tenant=contoso"

    assert statuses(browser, of_all, 3) == [200, 200, 200]
    assert statuses(browser, of_one, 2) == [200, 200]
    refusal = browser.get(of_one)
    assert problem(refusal, 429)["violated-policies"] == ["tenant"]
    assert refusal["Retry-After"]
    assert browser.get(f"/tenants/{contoso.id}/").status_code == 429
    assert browser.get(f"/tenants/{fabrikam.id}/").status_code == 200


def test_one_who_is_over_their_own_limit_does_not_eat_up_the_tenants(
    limits: SetLimits, contoso: Tenant, bob: User, olga: User
) -> None:
    limits(person=3, tenant=1000)

    assert statuses(signed_in(bob), ME, 20) == [200] * 3 + [429] * 17

    assert left(signed_in(olga).get(ME))["tenant"] == 1000 - 3 - 1


# --- files ------------------------------------------------------------------------------------------------------------


def test_asking_for_files_is_counted_more_strictly(
    limits: SetLimits, contoso: Tenant, alice: User, broker: Any
) -> None:
    limits(export=3, person=1000)
    program, wanted = Program(alice), {"list": "resources", "format": "csv"}

    assert program.post("exports/", wanted).status_code == 202
    assert program.post("reports/", {}).status_code == 202
    assert body_of(program.client.post("/exports/", {**wanted, "query": ""})).startswith(b"name,")
    assert program.post("exports/", wanted).status_code == 429
    assert program.client.post("/reports/", {}).status_code == 429
    assert program.ask("exports/").status_code == 200


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_table_names_addresses_that_exist() -> None:
    names = {address.view for address in addresses()}

    assert names >= EXPORTS | NOT_LIMITED
    assert "sign-in" in {name for name in names if SIGN_IN.fullmatch(name)}


def test_every_limit_has_a_reason_and_a_variable() -> None:
    assert all(limit.why.endswith(".") and limit.quota and limit.seconds for limit in LIMITS)
    assert len({limit.variable for limit in LIMITS}) == len(LIMITS)


def test_the_environment_says_other_numbers() -> None:
    said = {"RATE_LIMIT_PERSON": "7/3600", "RATE_LIMIT_SIGN_IN_ADDRESS": "off"}

    found = from_environment(said.get)

    assert (found["person"].quota, found["person"].seconds) == (7, 3600)
    assert "sign-in-address" not in found
    assert found["tenant"].quota == 3000


@pytest.mark.parametrize("text", ["", "7", "0/60", "7/0", "-1/60", "many", "7/60/60", "7.5/60"])
def test_a_number_that_cannot_be_read_is_named(text: str) -> None:
    said = {"RATE_LIMIT_PERSON": text}

    with pytest.raises(ValueError, match="RATE_LIMIT_PERSON"):
        from_environment(said.get)
