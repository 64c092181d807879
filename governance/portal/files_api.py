"""/api/v1/exports/ and /reports/: asking for a file, how far it is, and its bytes."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.files import wake
from audit.models import ReportFile
from governance.access import Permission, get_visible_or_404
from governance.drf import CoverageSerializer, KeysetPagination, TenantViewSet, Text
from governance.portal.exporting import FORMATS, MOST_CHOSEN, RefusedError, question
from governance.portal.file_lists import FILE_SORTS, FileListFilter
from governance.portal.files import CONTENT_TYPES, NotThereError, content_of, files_of, queue_export, queue_report
from governance.portal.listings import LISTINGS
from governance.portal.report_kinds import KINDS
from governance.portal.reports import INVENTORY


class FilePagination(KeysetPagination):
    """Keyset pages without a coverage of their own: each file has its own, of the time it was made."""

    def get_paginated_response(self, data: Any) -> Response:
        """The page with the address of the next one."""
        whole = super().get_paginated_response(data).data
        return Response({name: whole[name] for name in ("next", "results")})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The page in the words of OpenAPI."""
        whole = super().get_paginated_response_schema(schema)
        del whole["properties"]["coverage"]
        return {**whole, "required": ["next", "results"]}


class FileSerializer(serializers.ModelSerializer[ReportFile]):
    """A file that was asked for. `content` is null until it is done, and again when it has expired."""

    tenants = serializers.SerializerMethodField()
    coverage = CoverageSerializer(allow_null=True)
    content = serializers.SerializerMethodField()
    columns = serializers.ListField(child=serializers.CharField())
    selection = serializers.ListField(child=serializers.UUIDField())

    class Meta:
        model = ReportFile
        fields = [
            "id",
            "subject",
            "title",
            "format",
            "query",
            "columns",
            "selection",
            "tenants",
            "status",
            "reason",
            "expected",
            "rows",
            "coverage",
            "size_bytes",
            "sha256",
            "created_at",
            "started_at",
            "finished_at",
            "expires_at",
            "content",
        ]

    def get_tenants(self, row: ReportFile) -> list[str]:
        """The names of the tenants whose rows it holds."""
        return sorted(held.tenant.name for held in row.tenant_rows.all())

    def get_content(self, row: ReportFile) -> str | None:
        """Where its bytes are."""
        if row.status != row.Status.DONE:
            return None
        name = "file_id" if row.kind == row.Kind.EXPORT else "report_id"
        return reverse(f"{row.kind}-content", kwargs={"version": "v1", name: str(row.id)})


class ExportRequestSerializer(serializers.Serializer[Any]):
    """What to export. `query` is what stands after "?" in the address of the list's page: filters, sort, columns."""

    ids = serializers.ListField(child=serializers.UUIDField(), required=False, default=list, max_length=MOST_CHOSEN)
    query = Text(required=False, allow_blank=True, default="", max_length=2000)
    format = serializers.ChoiceField(choices=FORMATS)
    list = serializers.ChoiceField(choices=tuple(LISTINGS))


class NotThere(exceptions.APIException):
    """The file is not made yet (409), or will never be there (410)."""

    default_detail = "The file is not there."


class FileView(TenantViewSet):
    """Files of one kind, newest first."""

    requires = Permission.EXPORT
    kind: ClassVar[str]
    serializer_class = FileSerializer
    filterset_class = FileListFilter
    pagination_class = FilePagination
    sorts = FILE_SORTS
    default_sort = "-created_at"

    def coverage(self) -> dict[str, Any]:
        """None of its own: each file has one."""
        return {}

    def get_queryset(self) -> QuerySet[ReportFile]:
        """The files of this kind that the person may see."""
        rows: QuerySet[ReportFile] = files_of(self.request).filter(kind=self.kind)
        return rows.prefetch_related("tenant_rows__tenant")


class ExportView(FileView):
    """Your exports. Each is kept for some days, and seen only while you may see every tenant in it."""

    kind = ReportFile.Kind.EXPORT

    @extend_schema(request=ExportRequestSerializer, responses={202: FileSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Export a list. A worker writes it, with what you may see then; ask again until `status` is done.

        In CSV, a text that a spreadsheet would compute (it begins with = + - @, a tab or a line break) gets an
        apostrophe before it. Each row ends with the state of its tenant's data.
        """
        wanted = ExportRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        what = wanted.validated_data
        try:
            asked = question(what["list"], what["query"], format=what["format"], selection=what["ids"])
            row = queue_export(request._request, asked, query=what["query"], expected=asked.rows.count())
        except RefusedError as error:
            raise exceptions.ValidationError(error.problems) from error
        wake(row.id)
        return Response(FileSerializer(row).data, status=status.HTTP_202_ACCEPTED)


class ReportRequestSerializer(serializers.Serializer[Any]):
    """Which report, and on whom: a tenant (name or id), a group of tenants (name), or all that you may see.

    `month` (2026-11, the last one that is over if none is given), `metric` and `display_currency` (amounts are shown in
    it too, at the rates that were imported) are of the cost report alone.
    """

    report = serializers.ChoiceField(choices=tuple(KINDS), default=INVENTORY)
    tenant = Text(required=False, allow_blank=True, default="", max_length=64)
    group = Text(required=False, allow_blank=True, default="", max_length=64)
    month = Text(required=False, allow_blank=True, default="", max_length=7)
    metric = Text(required=False, allow_blank=True, default="", max_length=16)
    display_currency = Text(required=False, allow_blank=True, default="", max_length=3)


class ReportView(FileView):
    """The reports on tenants that you may see, whoever asked for them; a report is seen by who may see all of them."""

    kind = ReportFile.Kind.REPORT

    @extend_schema(request=ReportRequestSerializer, responses={202: FileSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Ask for a report as PDF. A worker makes it, with what you may see then; `status` says how far it is."""
        wanted = ReportRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        told = wanted.validated_data
        kind = KINDS[told["report"]]
        chosen = {name: value for name, value in told.items() if name != "report" and value}
        try:
            row = queue_report(request._request, kind, urlencode(chosen))
        except RefusedError as error:
            raise exceptions.ValidationError(error.problems) from error
        wake(row.id)
        return Response(FileSerializer(row).data, status=status.HTTP_202_ACCEPTED)


class ContentView(APIView):
    """The bytes of a file."""

    requires = Permission.EXPORT
    kind = ""  # given with the address

    @extend_schema(
        responses={
            **{
                (200, content_type.partition(";")[0]): OpenApiResponse(OpenApiTypes.BINARY, description="The file.")
                for content_type in CONTENT_TYPES.values()
            },
            302: OpenApiResponse(description="Where Azure hands it out for some minutes, without our session."),
            409: OpenApiResponse(description="Not made yet."),
            410: OpenApiResponse(description="It failed, or its time was over."),
        },
    )
    def get(self, request: Request, file_id: str = "", report_id: str = "", **kwargs: Any) -> HttpResponseBase:
        """The file itself; it is asked each time whether you may see every tenant in it."""
        file_id = file_id or report_id
        row = get_visible_or_404(files_of(request._request).filter(kind=self.kind), file_id)
        try:
            return content_of(row)
        except NotThereError as error:
            refusal = NotThere(f"The file is not there: it is {error}.")
            refusal.status_code = status.HTTP_409_CONFLICT if row.is_waiting else status.HTTP_410_GONE
            raise refusal from error
