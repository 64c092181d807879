"""Filters of lists: one FilterSet serves the page, the API and every export."""

from datetime import UTC, datetime
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.http import QueryDict


class StrictFilterSet(django_filters.FilterSet):  # type: ignore[misc]  # untyped library
    """A FilterSet that refuses parameters it does not know: a misspelt filter must not look like "no filter".

    `passed_through` are parameters that other parts of the view read: a page's number and columns, or the API's cursor
    and size. `repeatable` are those of them that may be given more than once.
    """

    passed_through: frozenset[str] = frozenset({"page", "columns"})  # the API's backend sets its own
    repeatable: frozenset[str] = frozenset({"columns"})
    _refused: tuple[str, ...] = ()

    def refuse(self, sentence: str) -> None:
        """Add a problem that another part of the view found; the filterset is not valid then."""
        self._refused = (*self._refused, sentence)

    def is_valid(self) -> bool:
        """True when every parameter is known and every value can be read."""
        valid: bool = super().is_valid()
        refused = [*self._unknown(), *self._repeated(), *self._refused]
        for sentence in refused:
            self.form.add_error(None, forms.ValidationError(sentence))
        return valid and not refused

    def keep(self, queryset: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        """For parameters that do not narrow: the rows as they are."""
        return queryset

    def _unknown(self) -> list[str]:
        known = ", ".join(sorted({*self.filters, *self.passed_through}))
        unknown = set(self.data) - set(self.filters) - self.passed_through
        return [f"There is no parameter {name[:60]!r}. Known: {known}." for name in sorted(unknown)]

    def _repeated(self) -> list[str]:
        if not isinstance(self.data, QueryDict):
            return []
        once = {*self.filters, *self.passed_through} - self.repeatable
        repeated = (name for name in sorted(once) if len(self.data.getlist(name)) > 1)
        return [f"{name} was given more than once; give it once." for name in repeated]

    def problems(self) -> dict[str, list[str]]:
        """What is wrong, by parameter; general problems under "parameters"."""
        errors: dict[str, Any] = self.form.errors
        return {"parameters" if name == "__all__" else name: list(found) for name, found in errors.items()}


class TextFilter(django_filters.CharFilter):  # type: ignore[misc]  # untyped library
    """A text parameter of bounded length, without NUL characters (Django's form field refuses them)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 512)
        super().__init__(*args, **kwargs)


class MomentField(forms.CharField):
    """A day (2026-11-23, its beginning in UTC) or a moment with its offset (2026-11-23T18:10:00Z), as a time."""

    def clean(self, value: Any) -> datetime | None:
        """The moment, or None when the parameter is empty."""
        text = super().clean(value).strip()
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise forms.ValidationError(NO_MOMENT) from error
        if len(text) == len("2026-11-23"):
            moment = moment.replace(tzinfo=UTC)
        if moment.tzinfo is None or moment.year not in YEARS:
            raise forms.ValidationError(NO_MOMENT)
        return moment


YEARS = range(1970, 2200)
NO_MOMENT = "Give a day like 2026-11-23, or a moment with its offset like 2026-11-23T18:10:00Z."


class MomentFilter(django_filters.Filter):  # type: ignore[misc]  # untyped library
    """A parameter that is a day or a moment."""

    field_class = MomentField

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 40)
        super().__init__(**kwargs)
