"""Addresses of the inventory."""

from django.urls import path

from inventory import views

app_name = "inventory"
urlpatterns = [path("resources/", views.resources, name="resources")]
