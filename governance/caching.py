"""Answers worth keeping, keyed by who may see them and by the state of the data they were made from.

A run that stores anything bumps its tenant's data version, which is part of the key: that is the invalidation.
"""

import hashlib
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache

from governance.tenancy import current_scope

Value = TypeVar("Value")

# What is kept, and for how many seconds at most (the key makes it void earlier).
SECONDS: dict[str, int] = {
    "filter-choices": 15 * 60,
    "estate": 15 * 60,
    "cost-filter-choices": 15 * 60,
    "cost-overview": 15 * 60,
    "cost-card": 15 * 60,
}


def kept(what: str, *, version: str, compute: Callable[[], Value], about: str = "") -> Value:
    """The kept answer to `what` for the current scope and data version, computed when there is none.

    `about` tells apart answers to the same question about different things.
    Give back only values that are not changed afterwards. Raises KeyError for a name that is not in SECONDS.
    """
    scope = current_scope()
    members = "every" if scope.is_every_tenant else ",".join(sorted(tenant.hex for tenant in scope.tenants))
    key = f"{what}:{hashlib.sha256(f'{members}:{about}'.encode()).hexdigest()}:{version}"
    found: Value | None = cache.get(key)
    if found is None:
        found = compute()
        cache.set(key, found, SECONDS[what])
    return found
