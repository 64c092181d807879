"""Sizes and patience of Cost Management, which tests make small."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class CostSettings:
    """Shared by all routes; a change counts from the next call on."""

    page_rows: int = 5000  # of a query's page
    partition_rows: int = 100_000  # of one file of a report or an export
    polls: int = 1  # how often a report answers that it is not ready
    retry_seconds: int = 5  # what it says to wait until it is asked again
    valid_seconds: int = 3600  # of a link to a report's file
    list_names: int = 5000  # of a page of blobs

    def change(self, wanted: Mapping[str, Any]) -> dict[str, int]:
        """Takes what is named; says all. Raises ValueError."""
        for name, value in wanted.items():
            if name not in asdict(self) or isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ValueError(f"{name!r} cannot be {value!r}.")
            setattr(self, name, value)
        return asdict(self)
