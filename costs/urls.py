"""Addresses of the pages of costs."""

from django.urls import path

from costs import views

app_name = "costs"
urlpatterns = [
    path("costs/", views.overview, name="overview"),
    path("costs/explore/", views.explorer, name="explore"),
    path("costs/explore/export/", views.export, name="export"),
    path("costs/records/", views.records, name="records"),
    path("costs/moved/", views.moved, name="moved"),
]
