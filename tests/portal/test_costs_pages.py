"""The pages of costs: what they say equals what is stored, and what was never read is unknown and not nothing."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from costs.spans import last_day, months_before
from governance.access import Role
from tenants.models import Subscription, Tenant, User
from tests.conftest import person, signed_in
from tests.costs.ledger import line, store, subscription_of
from tests.portal.test_resources_page import text


@pytest.fixture
def today() -> date:
    return timezone.now().astimezone(UTC).date()


@pytest.fixture
def shop(contoso: Tenant) -> Subscription:
    return subscription_of(contoso, "shop")


def test_look(contoso: Tenant, bob: User, shop: Subscription, today: date) -> None:
    month = today.replace(day=1)
    store(shop, month, [line(month, "5", service="VM", resource_group="RG"), line(month, "1", "USD", service="VM", name="disk1", resource_group="RG", tags={"env": "prod"})])
    store(shop, months_before(month, 1), [line(months_before(month, 1), "15", service="VM")])
    for path in ["/costs/", "/costs/explore/", "/costs/explore/?by=resource&then=tag:env", "/costs/explore/?by=tag:env", "/costs/records/", "/costs/moved/", "/costs/?metric=amortized"]:
        answer = signed_in(bob).get(path)
        print(path, answer.status_code, len(text(answer)))
        assert answer.status_code == 200
