"""How resources and their changes are asked for."""

from typing import Any, Self

from django.apps import apps
from django.db import models

from governance.tenancy import TenantQuerySet


class ResourceQuerySet(TenantQuerySet[Any]):
    """Sentences about resources."""

    def live(self) -> Self:
        """Resources that were there when last looked."""
        return self.filter(deleted_at=None)

    def deleted(self) -> Self:
        """Resources that a complete reading no longer contained."""
        return self.exclude(deleted_at=None)

    def tagged(self, key: str, value: str | None = None) -> Self:
        """Resources with this tag, letter case aside, as Azure treats tag names."""
        tags = apps.get_model("inventory", "ResourceTag")._default_manager.filter(key_folded=fold(key))
        if value is not None:
            tags = tags.filter(value_folded=fold(value))
        return self.filter(id__in=tags.values("resource_id"))

    def matching(self, words: str) -> Self:
        """Resources whose name contains every one of these words."""
        found = self
        for word in words.split():
            found = found.filter(name__icontains=word)
        return found


class ChangeQuerySet(TenantQuerySet[Any]):
    """Sentences about changes."""

    def newest_first(self) -> Self:
        """The order of a timeline."""
        return self.order_by("-at", "-id")


class ResourceGroupQuerySet(TenantQuerySet[Any]):
    """Sentences about resource groups."""

    def live(self) -> Self:
        """Groups that were there when last looked."""
        return self.filter(deleted_at=None)


class OrphanQuerySet(TenantQuerySet[Any]):
    """Sentences about periods in which nothing used a resource."""

    def open(self) -> Self:
        """Periods that last."""
        return self.filter(ended_at=None)

    def orphaned(self) -> Self:
        """Open periods of what is an orphan for certain."""
        return self.open().filter(verdict="orphaned")

    def unknown(self) -> Self:
        """Open periods of what cannot be told."""
        return self.open().filter(verdict="unknown")


class TagRuleQuerySet(TenantQuerySet[Any]):
    """Sentences about tag rules."""

    def in_force(self) -> Self:
        """Rules that nobody has deleted."""
        return self.filter(deleted_at=None)


def fold(text: str) -> str:
    """Text as it is compared: letter case and outer spaces aside, so that every engine compares alike."""
    return text.strip().lower()


def distinct_values(rows: models.QuerySet[Any], column: str) -> list[str]:
    """The values a column takes in these rows, in order, without the empty one."""
    return [value for value in rows.order_by(column).values_list(column, flat=True).distinct() if value]
