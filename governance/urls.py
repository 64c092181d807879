"""Every address of the platform."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from costs.api import (
    CostCutView,
    CostMoversView,
    CostSummaryView,
    CostTrendView,
    CostWasteView,
    MovedView,
    RecordView,
    RestatementLineView,
    RestatementView,
)
from governance.access import Permission
from governance.gate import requires
from governance.portal import health
from governance.portal.api import SyncView
from governance.portal.audit_api import AuditEventView, LookView
from governance.portal.files_api import ContentView, ExportView, ReportView
from inventory.api import ChangeView, ResourceView
from inventory.hygiene_api import FeedView, OrphanView, TagComplianceView, TagRuleView, TagViolationView
from tenants import sign_in_views
from tenants.api import MeView, PreflightView, SubscriptionView, TenantView
from tenants.groups_api import TenantGroupView
from tenants.invitations_api import InvitationView
from tenants.people_api import MembershipView, UserView
from tenants.sign_in_views import SignInView
from tenants.tokens_api import TokenView

public = requires(Permission.PUBLIC)  # for the views that libraries bring
api = SimpleRouter()
api.register("tenants", TenantView, basename="tenant")
api.register("tenant-groups", TenantGroupView, basename="tenant-group")
api.register("users", UserView, basename="user")
api.register("memberships", MembershipView, basename="membership")
api.register("invitations", InvitationView, basename="invitation")
api.register("tokens", TokenView, basename="token")
api.register("subscriptions", SubscriptionView, basename="subscription")
api.register("resources", ResourceView, basename="resource")
api.register("syncs", SyncView, basename="sync")
api.register("exports", ExportView, basename="export")
api.register("reports", ReportView, basename="report")
api.register("orphans", OrphanView, basename="orphan")
api.register("changes", FeedView, basename="change")
api.register("tag-rules", TagRuleView, basename="tag-rule")
api.register("tag-violations", TagViolationView, basename="tag-violation")
api.register("audit/events", AuditEventView, basename="audit-event")
api.register("costs/restatements", RestatementView, basename="restatement")

urlpatterns = [
    path("sign-in/", public(SignInView.as_view()), name="sign-in"),
    path("sign-in/password/", public(SignInView.as_view(always_asks_password=True)), name="sign-in-password"),
    path("sign-in/not-invited/", sign_in_views.not_invited, name="not-invited"),
    path("sign-in/b2c/", sign_in_views.start, {"name": "b2c"}, name="sign-in-b2c"),
    path("sign-in/b2c/done/", sign_in_views.done, {"name": "b2c"}, name="sign-in-b2c-done"),
    path("sign-in/oidc/", sign_in_views.start, {"name": "oidc"}, name="sign-in-oidc"),
    path("sign-in/oidc/done/", sign_in_views.done, {"name": "oidc"}, name="sign-in-oidc-done"),
    path("sign-out/", sign_in_views.sign_out, name="sign-out"),
    path("", include("inventory.urls")),
    path("", include("costs.urls")),
    path("", include("tenants.urls")),
    path("", include("governance.portal.urls")),
    path("api/<str:version>/", include(api.urls)),
    path("api/<str:version>/resources/<str:resource_id>/changes/", ChangeView.as_view({"get": "list"}), name="changes"),
    path("api/<str:version>/exports/<str:file_id>/content/", ContentView.as_view(kind="export"), name="export-content"),
    path(
        "api/<str:version>/reports/<str:report_id>/content/", ContentView.as_view(kind="report"), name="report-content"
    ),
    path("api/<str:version>/tag-compliance/", TagComplianceView.as_view({"get": "list"}), name="tag-compliance"),
    path("api/<str:version>/costs/summary/", CostSummaryView.as_view({"get": "list"}), name="cost-summary"),
    path("api/<str:version>/costs/trend/", CostTrendView.as_view({"get": "list"}), name="cost-trend"),
    path("api/<str:version>/costs/cut/", CostCutView.as_view({"get": "list"}), name="cost-cut"),
    path("api/<str:version>/costs/movers/", CostMoversView.as_view({"get": "list"}), name="cost-movers"),
    path("api/<str:version>/costs/waste/", CostWasteView.as_view({"get": "list"}), name="cost-waste"),
    path("api/<str:version>/costs/moved/", MovedView.as_view({"get": "list"}), name="cost-moved"),
    path("api/<str:version>/costs/records/", RecordView.as_view({"get": "list"}), name="cost-records"),
    path(
        "api/<str:version>/costs/restatements/<str:restatement_id>/lines/",
        RestatementLineView.as_view({"get": "list"}),
        name="restatement-lines",
    ),
    path("api/<str:version>/tenants/<str:tenant_id>/preflight/", PreflightView.as_view(), name="tenant-preflight"),
    path("api/<str:version>/tenants/<str:tenant_id>/looks/", LookView.as_view({"get": "list"}), name="tenant-looks"),
    path("api/<str:version>/me/", MeView.as_view(), name="me"),
    path("api/schema/", public(SpectacularAPIView.as_view(api_version="v1")), name="schema"),
    path(
        "api/docs/",
        public(SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="portal/api_docs.html")),
        name="api-docs",
    ),
    path("healthz", health.alive, name="healthz"),
    path("healthz/data", health.data, name="healthz-data"),
]

handler400 = "governance.problems.bad_request"
handler404 = "governance.problems.not_found"
handler500 = "governance.problems.server_error"
