"""How resources and their changes are asked for."""

from typing import Any, Self

from django.apps import apps
from django.db import models

from governance.tenancy import TenantQuerySet
from inventory.orphans import RULE_OF_TYPE


class ResourceQuerySet(TenantQuerySet[Any]):
    """Sentences about resources."""

    def live(self) -> Self:
        """Resources that were there when last looked."""
        return self.filter(deleted_at=None)

    def deleted(self) -> Self:
        """Resources that a complete reading no longer contained."""
        return self.exclude(deleted_at=None)

    def tagged(self, key: str, value: str | None = None, *, unwanted: bool = False) -> Self:
        """Resources with this tag, or without it; letter case aside, as Azure treats tag names."""
        tags = apps.get_model("inventory", "ResourceTag")._default_manager.filter(key_folded=fold(key))
        if value is not None:
            tags = tags.filter(value_folded=fold(value))
        found = models.Q(id__in=tags.values("resource_id"))
        return self.filter(~found if unwanted else found)

    def changed_since(self, moment: Any) -> Self:
        """Resources with an entry in the change log since then. What a first reading found is no change."""
        changes = apps.get_model("inventory", "ResourceChange")._default_manager
        return self.filter(id__in=changes.filter(at__gte=moment, baseline=False).values("resource_id"))

    def orphaned(self, wanted: str) -> Self:
        """Resources that are orphans ("yes"), certainly none ("no"), or of which it cannot be told ("unknown").

        A type without a rule is never an orphan. A tenant that was never judged leaves its types with a rule unknown.
        """
        periods = apps.get_model("inventory", "Orphan")._default_manager.filter(ended_at=None).exclude(resource=None)
        if wanted == "yes":
            return self.filter(id__in=periods.filter(verdict="orphaned").values("resource_id"))
        judged = apps.get_model("inventory", "HygieneState")._default_manager.exclude(orphans_judged_at=None)
        unjudged = models.Q(type__in=list(RULE_OF_TYPE)) & ~models.Q(tenant_id__in=judged.values("tenant_id"))
        if wanted == "unknown":
            unknown = periods.filter(verdict="unknown").values("resource_id")
            return self.filter(models.Q(id__in=unknown) | unjudged)
        return self.exclude(id__in=periods.values("resource_id")).exclude(unjudged)

    def matching(self, words: str) -> Self:
        """Resources whose name contains every one of these words."""
        found = self
        for word in words.split():
            found = found.filter(name__icontains=word)
        return found


class ChangeQuerySet(TenantQuerySet[Any]):
    """Sentences about changes."""

    def of_field(self, path: str) -> Self:
        """Changes of this field, or of one below it: `tags` finds `tags.env`."""
        folded = path.strip().lower()
        return self.filter(models.Q(paths__contains=f"\n{folded}\n") | models.Q(paths__contains=f"\n{folded}."))

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
