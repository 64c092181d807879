"""Addresses of the inventory."""

from django.urls import path

from inventory import hygiene_views, tag_views, views

app_name = "inventory"
urlpatterns = [
    path("resources/", views.resources, name="resources"),
    path("changes/", hygiene_views.changes, name="changes"),
    path("tags/", tag_views.tags, name="tags"),
    path("tags/rules/", tag_views.rules, name="tag-rules"),
    path("tags/rules/<str:rule_id>/", tag_views.rule, name="tag-rule"),
]
