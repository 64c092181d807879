"""What failed of one source of one subscription in one run, and whether it is worth asking again. Pure."""

from collections.abc import Hashable
from dataclasses import dataclass, field

MOST_IN_A_ROW = 3  # failures that may pass, after which a source is left alone until the next run


@dataclass(slots=True)
class Setbacks:
    """`in_a_row` names what failed since something last came; `final` is what will not change within a run."""

    in_a_row: set[Hashable] = field(default_factory=set)
    last: str = ""
    final: str = ""

    def note(self, what: Hashable, words: str, *, is_final: bool) -> None:
        """It did not give `what`."""
        self.in_a_row.add(what)
        self.last = words
        if is_final:
            self.final = words

    def note_success(self) -> None:
        """It gave something."""
        self.in_a_row.clear()

    @property
    def given_up(self) -> str:
        """Why it is not asked any more, in words; "" while it is."""
        if self.final or len(self.in_a_row) < MOST_IN_A_ROW:
            return self.final
        return f"{self.last} It failed {len(self.in_a_row)} times in a row and is not asked again in this run."
