"""What is asked of costs: which metric, days, tenants and narrowings; and by what the answer is cut."""

from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple, Self
from uuid import UUID

from costs.spans import Span
from governance.filters import Words

SUBSCRIPTION, RESOURCE, TAG = "subscription", "resource", "tag"
# What a cut may be by; "tag" with the tag's name after a colon.
DIMENSIONS = ("tenant", SUBSCRIPTION, "resource_group", "service", "region", "charge_type", RESOURCE, TAG)


class UnanswerableError(ValueError):
    """The sums that are kept cannot answer this; the sentence says what to leave out."""


class Dimension(NamedTuple):
    """One of DIMENSIONS; `tag` is the tag's name, lower case, for "tag" and "" for the others."""

    kind: str
    tag: str = ""

    @classmethod
    def from_word(cls, word: str) -> Self:
        """The dimension of "service" or "tag:env". ValueError for any other word."""
        kind, _, tag = word.partition(":")
        if kind not in DIMENSIONS or (kind == TAG) != bool(tag.strip()):
            raise ValueError(f"{word[:60]!r} is none of {', '.join(DIMENSIONS)}; a tag is written tag:NAME.")
        return cls(kind, tag.strip().lower())

    @property
    def word(self) -> str:
        """As it is written."""
        return f"{self.kind}:{self.tag}" if self.tag else self.kind


@dataclass(frozen=True, slots=True)
class TagCondition:
    """Costs whose rows have this tag (lower case), with this value if there is one; `unwanted`: that have it not."""

    name: str
    value: str | None = None
    unwanted: bool = False


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What costs are narrowed to; None is no narrowing. Words are as stored: `costs.models` says which are folded.

    `subscription` is Azure's id, lower case; `resource` the SHA-256 of the lower-cased Azure id.
    """

    subscription: Words | None = None
    resource_group: Words | None = None
    service: Words | None = None
    region: Words | None = None
    charge_type: Words | None = None
    tag: TagCondition | None = None
    resource: str | None = None

    @property
    def columns(self) -> dict[str, Words]:
        """The narrowings that are columns of their own in `daily_costs`."""
        named = {name: getattr(self, name) for name in ("resource_group", "service", "region", "charge_type")}
        return {name: words for name, words in named.items() if words is not None}


@dataclass(frozen=True, slots=True)
class Question:
    """Costs of one metric on these days, of these tenants (None: all in scope), narrowed.

    Whoever asks resolves groups of tenants to `tenants`; the tenant guard holds it to the scope in any case.
    """

    metric: str
    first: date
    last: date
    tenants: frozenset[UUID] | None = None
    narrowed: Narrowing = Narrowing()

    @property
    def span(self) -> Span:
        """Its days."""
        return Span(self.first, self.last)

    def on(self, span: Span) -> Self:
        """The same question about other days."""
        return replace(self, first=span.first, last=span.last)
