"""What every bench stands on: databases of its own, a simulated Azure when it asks for one, fresh processes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench.databases import Databases
from bench.fresh_process import answer_of
from bench.simulated_azure import SimulatedAzure, simulated_azure


class Ground:
    """One run's ground. The first database is migrated once and copied from then on."""

    def __init__(self, databases: Databases) -> None:
        self.databases = databases

    @cached_property
    def migrated(self) -> str:
        """A migrated, empty database that is only ever copied."""
        return self.databases.migrated()

    def measure(self, function: str, database: str, **arguments: Any) -> dict[str, Any]:
        """Run MODULE:FUNCTION in a fresh process on this database."""
        return answer_of(function, arguments, environment={"DATABASE_URL": database})

    @contextmanager
    def empty_database(self) -> Iterator[str]:
        """A migrated database without rows."""
        with self.copy_of(self.migrated) as database:
            yield database

    @contextmanager
    def copy_of(self, database: str) -> Iterator[str]:
        """A copy that is dropped afterwards."""
        copy = self.databases.copy_of(database)
        try:
            yield copy
        finally:
            self.databases.drop(copy)

    @contextmanager
    def azure(self, *, resources: int, subscriptions: int = 2) -> Iterator["AzureGround"]:
        """A simulated Azure, and a database in which its tenant is connected and not yet synced."""
        with simulated_azure(resources=resources, subscriptions=subscriptions) as azure, self.empty_database() as empty:
            facts = {"tenant": azure.tenant}
            answer_of("bench.one_sync:connect", facts, environment={**azure.environment, "DATABASE_URL": empty})
            yield AzureGround(self, azure, empty)


@dataclass(frozen=True, slots=True)
class AzureGround:
    """A simulated Azure with its connected tenant."""

    ground: Ground
    azure: SimulatedAzure
    connected: str

    def measure(self, function: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run MODULE:FUNCTION in a fresh process on a fresh copy of the connected database."""
        with self.ground.copy_of(self.connected) as database:
            return self.measure_on(database, function, arguments or {})

    def measure_on(self, database: str, function: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Run MODULE:FUNCTION in a fresh process on this database."""
        return answer_of(function, arguments, environment={**self.azure.environment, "DATABASE_URL": database})
