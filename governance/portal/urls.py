"""Addresses of the pages that combine apps."""

from django.urls import path

from governance.portal import files, off_boarding, overview, resources, roles, saved_views, syncs

app_name = "portal"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("resources/<str:resource_id>/", resources.resource, name="resource"),
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
    path("files/", files.files, name="files"),
    path("files/<str:file_id>/", files.download, name="file"),
]
