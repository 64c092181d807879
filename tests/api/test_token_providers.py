"""API_TOKEN_PROVIDERS: what is read from it, and what nothing starts with."""

from typing import Any

import pytest

from governance.token_providers import providers_in

B2C: dict[str, Any] = {
    "issuer": "https://contoso.b2clogin.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0/",
    "discovery_url": "https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_in/v2.0/.well-known/openid-configuration",
    "audience": "an application",
    "scope": "access",
    "policies": ["B2C_1_in"],
}
ENTRA: dict[str, Any] = {
    "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
    "discovery_url": "https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration",
    "audience": "an application",
    "scope": "access",
    "tenants": ["72F988BF-86F1-41AF-91AB-2D7CD011DB47"],
}


def test_azure_ad_b2c_and_entra_id_are_read() -> None:
    b2c, entra = providers_in([B2C, ENTRA])

    assert (b2c.policies, b2c.subject_claim) == (frozenset({"b2c_1_in"}), "sub")
    assert (entra.tenants, entra.subject_claim) == (frozenset({"72f988bf-86f1-41af-91ab-2d7cd011db47"}), "oid")


def test_an_issuer_is_compared_exactly() -> None:
    b2c, entra = providers_in([B2C, ENTRA])
    here = "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0"

    assert [b2c.issues(B2C["issuer"]), entra.issues(here)] == [True, True]
    for other in ("", None, 1, [here], here + "/", here.upper(), ENTRA["issuer"], here.replace("72f9", "0000")):
        assert not entra.issues(other)
        assert not b2c.issues(other)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "has to be a JSON list"),
        (["x"], "Each provider is an object"),
        ([{**B2C, "audiance": "x"}], "has no audiance"),
        ([{name: B2C[name] for name in B2C if name != "audience"}], "needs audience"),
        ([{**B2C, "scope": ""}], "needs scope"),
        ([{**B2C, "policies": "B2C_1_in"}], "policies is a list"),
        ([{**B2C, "discovery_url": "http://contoso.b2clogin.com/"}], "https://"),
        ([{**ENTRA, "tenants": []}], "needs tenants"),
    ],
)
def test_what_cannot_be_read_says_why(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        providers_in(given)


def test_the_claim_of_the_person_can_be_another() -> None:
    (found,) = providers_in([{**B2C, "subject_claim": "oid"}])

    assert found.subject_claim == "oid"
