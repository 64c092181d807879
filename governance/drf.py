"""How the API speaks: keyset pages, problem+json errors, and the words of the OpenAPI file.

Errors follow RFC 9457 (application/problem+json): type, title, status, detail, and `errors` by parameter for a 400.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import orjson
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import Http404
from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import exceptions, pagination, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.viewsets import GenericViewSet

from governance.problems import PROBLEM_JSON
from governance.sights import saw

PAGE_ROWS = 100
MAX_PAGE_ROWS = 1000
MAX_CURSOR_LENGTH = 2000


class ProblemSerializer(serializers.Serializer[Any]):
    """The shape of every error (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = serializers.DictField(  # type: ignore[assignment]  # RFC 9457 names it so
        child=serializers.ListField(child=serializers.CharField()), required=False
    )


class GapSerializer(serializers.Serializer[Any]):
    """One subscription and source that was not received whole."""

    tenant = serializers.CharField()
    subscription = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # a field of that name, not DRF's attribute
    expected = serializers.IntegerField(allow_null=True)
    received = serializers.IntegerField()
    reason = serializers.CharField()
    last_complete_at = serializers.DateTimeField(allow_null=True)


class CoverageSerializer(serializers.Serializer[Any]):
    """How complete and fresh the answer is. `complete_as_of` is null when some part was never read whole."""

    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=["complete", "stale", "partial", "failed", "never"])
    complete_as_of = serializers.DateTimeField(allow_null=True)
    gaps = GapSerializer(many=True)
    more_gaps = serializers.IntegerField(help_text="Gaps beyond those listed.")


class Text(serializers.CharField):
    """A text that somebody sends: DRF's own field takes a number for one too."""

    def to_internal_value(self, data: Any) -> str:
        """The text. Raises ValidationError for everything else."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Flag(serializers.BooleanField):
    """True or false that somebody sends: DRF's own field takes numbers and words for them too."""

    def to_internal_value(self, data: Any) -> bool:
        """The flag. Raises ValidationError for everything else."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


def problem_response(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's exception handler: every refusal as problem+json. Unknown exceptions stay Django's (500)."""
    if isinstance(error, Http404):
        error = exceptions.NotFound("There is no such object, or you may not see it.")
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied(str(error) or None)
    if not isinstance(error, exceptions.APIException):
        return None
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": error.default_detail if isinstance(error.default_detail, str) else type(error).__name__,
        "status": error.status_code,
        "detail": _detail(error),
    }
    if isinstance(error, exceptions.ValidationError):
        body |= {"title": "Bad request", "errors": _errors(error.detail)}
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if seconds := getattr(error, "retry_after_seconds", None):
        headers["Retry-After"] = str(seconds)
    return Response(body, status=error.status_code, headers=headers, content_type=PROBLEM_JSON)


def _detail(error: exceptions.APIException) -> str:
    if isinstance(error, exceptions.ValidationError):
        return " ".join(text for texts in _errors(error.detail).values() for text in texts)
    return str(error.detail)


def _errors(detail: Any) -> dict[str, list[str]]:
    if isinstance(detail, dict):
        return {
            str(name): [str(one) for one in (found if isinstance(found, list) else [found])]
            for name, found in detail.items()
        }
    return {"parameters": [str(one) for one in (detail if isinstance(detail, list) else [detail])]}


class StrictFilterBackend(DjangoFilterBackend):  # type: ignore[misc]  # untyped library
    """django-filter with a `StrictFilterSet`: whatever it refuses is a 400 that names the parameter."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """The rows the parameters ask for."""
        filterset = self.get_filterset(request, queryset, view)
        if filterset is None:
            return queryset
        filterset.passed_through = getattr(view, "passed_through", KeysetPagination.PARAMETERS)
        if not filterset.is_valid():
            raise exceptions.ValidationError(filterset.problems())
        view.asked = filterset
        rows: QuerySet[Any] = filterset.qs
        return rows


class ServiceUnavailable(exceptions.APIException):
    """Something this request needs does not answer; the same request may succeed later."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "A service this needs does not answer."
    default_code = "unavailable"


class Conflict(exceptions.APIException):
    """What was asked for goes against the state things are in; nothing was changed."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "This goes against the present state."
    default_code = "conflict"


class KeysetPagination(pagination.BasePagination):
    """Pages that go on after the last row seen, so that page 1,000 costs what page 1 costs.

    `?cursor=` is opaque and belongs to one sort order; `?page_size=` is 1 to 1,000. The view says how it is sorted
    (`sort_of(request)`) and what to say about coverage (`coverage()`).
    """

    PARAMETERS = frozenset({"cursor", "page_size"})

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """One page of rows. Raises ValidationError for a cursor or size that cannot be read."""
        self._request, self._view = request, view
        column, descending = view.sort_of(request)
        size = _page_size(request)
        rows = queryset.order_by(f"-{column}" if descending else column, "-id" if descending else "id")
        if cursor := request.query_params.get("cursor"):
            rows = rows.filter(_after(cursor, queryset.model, column, descending=descending))
        page = list(rows[: size + 1])
        self._cursor = _cursor(page[size - 1], column) if len(page) > size else None
        return page[:size]

    def get_paginated_response(self, data: Any) -> Response:
        """The page with the address of the next one and how complete and fresh the data are."""
        return Response({"next": self._next(), "coverage": self._view.coverage(), "results": data})

    def _next(self) -> str | None:
        if not self._cursor:
            return None
        following: str = replace_query_param(self._request.build_absolute_uri(), "cursor", self._cursor)
        return following

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The page in the words of OpenAPI."""
        return {
            "type": "object",
            "required": ["next", "coverage", "results"],
            "properties": {
                "next": {"type": "string", "format": "uri", "nullable": True, "description": "The next page."},
                "coverage": {"$ref": "#/components/schemas/Coverage"},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The parameters of paging in the words of OpenAPI."""
        size = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_ROWS, "default": PAGE_ROWS}
        return [
            {"name": "cursor", "in": "query", "schema": {"type": "string"}, "description": "From `next`; opaque."},
            {"name": "page_size", "in": "query", "schema": size, "description": "Rows a page."},
        ]


class OwnRowsPagination(KeysetPagination):
    """Pages of rows that people made here: no sync reads them, so there is no coverage to tell."""

    def get_paginated_response(self, data: Any) -> Response:
        """The page with the address of the next one."""
        return Response({"next": self._next(), "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The page in the words of OpenAPI."""
        described = super().get_paginated_response_schema(schema)
        del described["properties"]["coverage"]
        return {**described, "required": ["next", "results"]}


class TenantViewSet(GenericViewSet[Any]):
    """A view of tenants' rows: scoped by the managers, filtered strictly, paged by key.

    `sorts` maps what `?sort=` may say to columns that are never null; the first is the default, "-" turns it round.
    """

    asked: Any  # the valid filterset of this request, set by the backend
    sorts: ClassVar[dict[str, str]] = {}
    default_sort: ClassVar[str] = ""
    filter_backends = [StrictFilterBackend]
    pagination_class = KeysetPagination

    def sort_of(self, request: Request) -> tuple[str, bool]:
        """The column to sort by and whether downwards. `?sort=` was checked by the FilterSet."""
        word = request.query_params.get("sort") or self.default_sort
        return self.sorts[word.removeprefix("-")], word.startswith("-")

    def coverage(self) -> dict[str, Any]:
        """How complete and fresh what this view shows is."""
        raise NotImplementedError

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page of what the person may see."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One object, or the same 404 for a foreign and a missing one."""
        row = self.get_object()
        saw(row)
        return Response(self.get_serializer(row).data)


def _page_size(request: Request) -> int:
    text = request.query_params.get("page_size", str(PAGE_ROWS))
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_PAGE_ROWS):
        raise exceptions.ValidationError({"page_size": [f"Give a number from 1 to {MAX_PAGE_ROWS}."]})
    return int(text)


def _cursor(row: Model, column: str) -> str:
    value = getattr(row, column)
    return base64.urlsafe_b64encode(orjson.dumps([column, value, row.pk])).decode().rstrip("=")


def _after(cursor: str, model: type[Model], column: str, *, descending: bool) -> Q:
    """The condition for rows that come after the cursor's."""
    try:
        if len(cursor) > MAX_CURSOR_LENGTH:
            raise ValueError
        sorted_by, text, key = orjson.loads(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        )
        if sorted_by != column or not isinstance(text, str) or not isinstance(key, str) or "\x00" in f"{text}{key}":
            raise ValueError
        value = model._meta.get_field(column).to_python(text)  # type: ignore[union-attr]
        if isinstance(value, datetime) and timezone.is_naive(value):
            raise ValueError
        key = model._meta.pk.to_python(key)
    except (binascii.Error, ValueError, TypeError, ValidationError) as error:
        message = "This cursor belongs to no page of this list in this order; start again without it."
        raise exceptions.ValidationError({"cursor": [message]}) from error
    beyond = "lt" if descending else "gt"
    return Q(**{f"{column}__{beyond}": value}) | Q(**{column: value, f"id__{beyond}": key})
