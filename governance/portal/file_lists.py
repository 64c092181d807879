"""The list of files: its filters and sorts, once for page and API."""

from typing import Any

import django_filters
from django.db.models import Exists, OuterRef, QuerySet

from audit.models import ReportFile, ReportFileTenant
from tenants.lists import GroupFilter, TenantFilter, TenantOwnedFilterSet, sort_filter, tenants_asked_for

FILE_SORTS = {"created_at": "created_at"}


class FileListFilter(TenantOwnedFilterSet):
    """Filters of the list of files. `tenant=` and `group=` leave the files that hold one of these tenants."""

    status = django_filters.ChoiceFilter(choices=ReportFile.Status.choices, label="Status")
    format = django_filters.ChoiceFilter(choices=ReportFile.Format.choices, label="Format")
    sort = sort_filter(FILE_SORTS)

    class Meta:
        model = ReportFile
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The files asked for. A file has no tenant of its own, so the filters of that name are applied here."""
        for name, found in self.filters.items():
            if not isinstance(found, TenantFilter | GroupFilter):
                queryset = found.filter(queryset, self.form.cleaned_data[name])
        tenants = tenants_asked_for(self)
        if tenants is None:
            return queryset
        held = ReportFileTenant.objects.filter(file=OuterRef("pk"), tenant_id__in=sorted(tenants))
        return queryset.filter(Exists(held))
