"""Addresses of the pages that combine apps."""

from django.urls import path

from governance.portal import overview, syncs

app_name = "portal"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("syncs/", syncs.syncs, name="syncs"),
    path("syncs/run/", syncs.run_now, name="run-now"),
    path("syncs/<str:run_id>/", syncs.sync_run, name="sync-run"),
]
