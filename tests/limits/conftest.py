"""Small limits, and a clock that stands still until a test moves it."""

from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.core.cache import caches

from governance import throttling
from governance.limits import Limit

SetLimits = Callable[..., None]
START = 1_800_000_000.0


class Clock:
    """Seconds since 1970, as the limiter reads them."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> float:
        """What the limiter calls."""
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The limiter's clock."""
    clock = Clock()
    monkeypatch.setattr(throttling, "now", clock.now)
    return clock


@pytest.fixture
def limits(settings: LazySettings, clock: Clock) -> SetLimits:
    """Set the only limits there are, by name: `limits(person=3)` in a minute."""
    caches["process"].clear()

    def only(*, seconds: int = 60, **quotas: int) -> None:
        settings.RATE_LIMITS = {
            name.replace("_", "-"): Limit(name.replace("_", "-"), quota, seconds, "a test")
            for name, quota in quotas.items()
        }

    return only
