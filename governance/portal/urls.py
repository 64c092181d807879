"""Addresses of the pages that combine apps."""

from django.urls import path

from governance.portal import audit_pages, files, off_boarding, orphans, overview, resources, roles, saved_views, syncs

app_name = "portal"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("resources/<str:resource_id>/", resources.resource, name="resource"),
    path("orphans/", orphans.orphans, name="orphans"),
    path("views/", saved_views.saved_views, name="views"),
    path("views/<str:view_id>/", saved_views.saved_view, name="view"),
    path("syncs/", syncs.syncs, name="syncs"),
    path("syncs/run/", syncs.run_now, name="run-now"),
    path("syncs/<str:run_id>/", syncs.sync_run, name="sync-run"),
    path(
        "tenants/<str:tenant_id>/subscriptions/<str:subscription_id>/off-board/",
        off_boarding.off_board,
        name="off-board",
    ),
    path("exports/", files.export, name="export"),
    path("reports/", files.report, name="report"),
    path("roles/", roles.roles, name="roles"),
    path("audit/", audit_pages.audit, name="audit"),
    path("audit/chains/", audit_pages.chains, name="audit-chains"),
    path("audit/chains/<str:chain_id>/events.jsonl", audit_pages.trail, name="audit-trail"),
    path("audit/chains/<str:chain_id>/anchors.jsonl", audit_pages.anchors, name="audit-anchors"),
    path("audit/verify_audit.py", audit_pages.verifier, name="audit-verifier"),
    path("audit/<str:event_id>/", audit_pages.event, name="audit-event"),
    path("tenants/<str:tenant_id>/looks/", audit_pages.looks, name="looks"),
    path("files/", files.files, name="files"),
    path("files/<str:file_id>/", files.download, name="file"),
]
