"""Filters of lists: one FilterSet serves the page, the API and every export."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.http import QueryDict
from drf_spectacular.utils import extend_schema_field


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
        repeatable = {name for name, found in self.filters.items() if isinstance(found, WordsFilter | PhrasesFilter)}
        once = {*self.filters, *self.passed_through} - self.repeatable - repeatable
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


@dataclass(frozen=True, slots=True)
class Words:
    """Several values of one parameter. `turned`: all but these are wanted."""

    words: tuple[str, ...]
    turned: bool

    def narrow(self, rows: QuerySet[Any], column: str) -> QuerySet[Any]:
        """The rows whose column has one of the words; turned round, the others."""
        condition = Q(**{column: self.words[0]}) if len(self.words) == 1 else Q(**{f"{column}__in": self.words})
        return rows.filter(~condition if self.turned else condition)


def words_in(values: list[str]) -> Words:
    """Values given several times or with commas between them. A "!" before any, or alone, turns the question round."""
    parts = [part.strip() for value in values for part in value.split(",")]
    words = dict.fromkeys(part.removeprefix("!").strip() for part in parts)
    return Words(tuple(word for word in words if word), any(part.startswith("!") for part in parts))


class WordsField(forms.CharField):
    """Cleaned to `Words`, or to None when there is none."""

    widget = forms.SelectMultiple
    most = 100  # values in one question

    def clean(self, value: Any) -> Words | None:
        """The words, each checked like a text. Raises ValidationError."""
        given = words_in([value] if isinstance(value, str) else list(value or ()))
        if len(given.words) > self.most:
            raise forms.ValidationError(f"Give at most {self.most} values.")
        words = tuple(str(super(WordsField, self).clean(word)) for word in given.words)
        return Words(words, given.turned) if words else None


SEVERAL = 'Any of these, given apart or with commas between them; with "!" before them, all others.'


@extend_schema_field({"type": "array", "items": {"type": "string"}, "description": SEVERAL})
class WordsFilter(django_filters.Filter):  # type: ignore[misc]  # untyped library
    """A parameter that takes several values: any of them, or all but them."""

    field_class = WordsField

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 512)
        super().__init__(**kwargs)


class PhrasesField(forms.CharField):
    """Given several times; cleaned to those that are not empty, each checked like a text. A comma is part of it."""

    widget = forms.SelectMultiple
    most = 10  # each is a condition of its own

    def clean(self, value: Any) -> tuple[str, ...]:
        """The texts. Raises ValidationError."""
        given = [value] if isinstance(value, str) else list(value or ())
        phrases = tuple(dict.fromkeys(text for one in given if (text := str(super(PhrasesField, self).clean(one)))))
        if len(phrases) > self.most:
            raise forms.ValidationError(f"Give at most {self.most} of them.")
        return phrases


class PhrasesFilter(django_filters.Filter):  # type: ignore[misc]  # untyped library
    """A parameter of several conditions, all of which must hold."""

    field_class = PhrasesField

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 512)
        super().__init__(**kwargs)


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


@extend_schema_field(
    {"type": "string", "description": "A day, e.g. 2026-11-23, or a moment in ISO 8601; in UTC. Empty: no bound."}
)
class MomentFilter(django_filters.Filter):  # type: ignore[misc]  # untyped library
    """A parameter that is a day or a moment."""

    field_class = MomentField

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 40)
        super().__init__(**kwargs)
