"""Fixtures of the simulator's own tests, which need no database; named apart from those of the portal's tests."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from governance.azure.simulator.cost_settings import CostSettings
from governance.azure.simulator.server import Simulator
from tests.azure.simulator_client import Caller

SETTLED_DAY = 36  # 6 February 2026: January does not move any more


class SettableClock:
    """Seconds since 1970, moved by the test."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


@pytest.fixture(scope="session")
def simulator_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One certificate authority for all tests of a process."""
    return tmp_path_factory.mktemp("simulator")


@pytest.fixture(scope="session")
def simulator_clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(scope="session")
def running_simulator(simulator_folder: Path, simulator_clock: SettableClock) -> Iterator[Simulator]:
    with Simulator(seed=7, folder=simulator_folder, now=simulator_clock) as simulator:
        yield simulator


@pytest.fixture
def small_azure(running_simulator: Simulator, simulator_clock: SettableClock) -> Simulator:
    """A small world as on its first day: two tenants, two subscriptions each, 60 resources per tenant."""
    simulator_clock.offset = 0.0
    running_simulator.faults.clear()
    running_simulator.enforce_quota(False)
    running_simulator.world.set_day(0)
    running_simulator.forget_requests()
    running_simulator.world.costs.restore()
    running_simulator.cost_settings.change(asdict(CostSettings()))
    return running_simulator


@pytest.fixture
def contoso_caller(small_azure: Simulator) -> Iterator[Caller]:
    with Caller(small_azure, small_azure.tenant("contoso")) as caller:
        yield caller


@pytest.fixture
def paying(contoso_caller: Caller) -> Caller:
    """Contoso when January is over and settled."""
    contoso_caller.azure.world.set_day(SETTLED_DAY)
    return contoso_caller


@pytest.fixture
def reporting(fabrikam_caller: Caller) -> Caller:
    """Fabrikam at the same time; it has an Enterprise Agreement without exports."""
    fabrikam_caller.azure.world.set_day(SETTLED_DAY)
    return fabrikam_caller


@pytest.fixture
def fabrikam_caller(small_azure: Simulator) -> Iterator[Caller]:
    with Caller(small_azure, small_azure.tenant("fabrikam")) as caller:
        yield caller
