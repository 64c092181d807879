"""A ratio, its target, and the table of them. Absolute times say more about the machine than about the code."""

from collections.abc import Sequence
from dataclasses import dataclass

HEADINGS = ("bench", "what is compared", "ratio", "target", "verdict", "note")


@dataclass(frozen=True, slots=True)
class Ratio:
    """One measured ratio. `at_most` is None where it is only reported."""

    bench: str
    what: str
    value: float
    at_most: float | None
    note: str = ""

    @property
    def is_missed(self) -> bool:
        """True when there is a target and the value is beyond it."""
        return self.at_most is not None and self.value > self.at_most

    def cells(self) -> tuple[str, ...]:
        """The ratio as a row of the table."""
        target = "-" if self.at_most is None else f"<= {self.at_most:g}"
        verdict = "reported" if self.at_most is None else "MISSED" if self.is_missed else "met"
        return (self.bench, self.what, f"{self.value:.2f}", target, verdict, self.note)


def table(ratios: Sequence[Ratio]) -> str:
    """The ratios as a Markdown table that also reads well in a terminal."""
    rows = [HEADINGS, *(ratio.cells() for ratio in ratios)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
