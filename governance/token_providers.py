"""The identity providers whose access tokens the API takes, as API_TOKEN_PROVIDERS says: docs/api-authentication.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

TEXTS = ("issuer", "discovery_url", "audience", "scope", "subject_claim")
LISTS = ("policies", "tenants")
TENANT_PLACE = "{tenantid}"  # as Entra ID writes it in the issuer of `organizations`


@dataclass(frozen=True, slots=True)
class Provider:
    """One identity provider.

    `issuer` is compared exactly; where it holds {tenantid}, one of `tenants` stands there. `policies` are the user
    flows of Azure AD B2C whose tokens are taken: its issuer is the same for all of them, so that a token of a password
    reset differs from one of a sign-in by its policy alone. `subject_claim` is `oid` for Entra ID, whose `sub` is
    another one for each application, and `sub` for others. Policies and tenants are in lower case.
    """

    issuer: str
    discovery_url: str
    audience: str
    scope: str
    subject_claim: str = "sub"
    policies: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()

    @classmethod
    def from_mapping(cls, given: Any) -> Self:
        """As it stands in the setting. Raises ValueError with what is wrong."""
        if not isinstance(given, Mapping):
            raise ValueError("Each provider is an object.")
        said = {"subject_claim": "oid" if given.get("tenants") else "sub", **given}
        if unknown := set(given) - {*TEXTS, *LISTS}:
            raise ValueError(f"A provider has no {', '.join(sorted(unknown))}.")
        if missing := [name for name in TEXTS if not (isinstance(said.get(name), str) and said[name])]:
            raise ValueError(f"A provider needs {', '.join(missing)}.")
        words = {name: _words(name, given.get(name, [])) for name in LISTS}
        if TENANT_PLACE in given["issuer"] and not words["tenants"]:
            raise ValueError(f"An issuer with {TENANT_PLACE} needs tenants: whose people may come.")
        if not given["discovery_url"].startswith("https://"):
            raise ValueError("The discovery_url has to be an https:// address.")
        policies, tenants = words["policies"], words["tenants"]
        return cls(**{name: said[name] for name in TEXTS}, policies=policies, tenants=tenants)

    def issues(self, issuer: Any) -> bool:
        """Whether this is its name, or that of one of its tenants."""
        return isinstance(issuer, str) and issuer in self._names()

    def _names(self) -> set[str]:
        if TENANT_PLACE not in self.issuer:
            return {self.issuer}
        return {self.issuer.replace(TENANT_PLACE, tenant) for tenant in self.tenants}


def providers_in(given: Any) -> tuple[Provider, ...]:
    """The value of the setting as providers. Raises ValueError, so that nothing starts with half of them."""
    if not isinstance(given, list):
        raise ValueError("API_TOKEN_PROVIDERS has to be a JSON list of objects.")
    try:
        return tuple(Provider.from_mapping(one) for one in given)
    except ValueError as error:
        raise ValueError(f"API_TOKEN_PROVIDERS: {error}") from error


def _words(name: str, given: Any) -> frozenset[str]:
    if not isinstance(given, list) or not all(isinstance(word, str) and word for word in given):
        raise ValueError(f"{name} is a list of words.")
    return frozenset(word.lower() for word in given)
