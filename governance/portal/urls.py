"""Addresses of the pages that combine apps."""

from django.urls import path

from governance.portal import off_boarding, overview, syncs

app_name = "portal"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("syncs/", syncs.syncs, name="syncs"),
    path("syncs/run/", syncs.run_now, name="run-now"),
    path("syncs/<str:run_id>/", syncs.sync_run, name="sync-run"),
    path(
        "tenants/<str:tenant_id>/subscriptions/<str:subscription_id>/off-board/",
        off_boarding.off_board,
        name="off-board",
    ),
]
