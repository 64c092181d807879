"""Addresses of the pages that combine apps."""

from django.urls import path

from governance.portal import files, overview, syncs

app_name = "portal"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("syncs/", syncs.syncs, name="syncs"),
    path("syncs/run/", syncs.run_now, name="run-now"),
    path("syncs/<str:run_id>/", syncs.sync_run, name="sync-run"),
    path("exports/", files.export, name="export"),
    path("reports/", files.report, name="report"),
    path("files/", files.files, name="files"),
    path("files/<str:file_id>/", files.download, name="file"),
]
