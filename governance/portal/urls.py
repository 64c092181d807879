"""Addresses of the pages that combine apps."""

from django.urls import path

from governance.portal import overview, resources, syncs

app_name = "portal"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("resources/<str:resource_id>/", resources.resource, name="resource"),
    path("syncs/", syncs.syncs, name="syncs"),
    path("syncs/run/", syncs.run_now, name="run-now"),
    path("syncs/<str:run_id>/", syncs.sync_run, name="sync-run"),
]
