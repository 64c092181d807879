"""Addresses of the pages of tenants, their people and their groups, of invitations and of the platform's people."""

from django.urls import path

from tenants import (
    accepting_views,
    groups_views,
    invitation_views,
    people_views,
    platform_views,
    token_views,
    views,
)

app_name = "tenants"
urlpatterns = [
    path("tokens/", token_views.tokens, name="tokens"),
    path("tokens/<str:token_id>/", token_views.token, name="token"),
    path("tenants/", views.tenants, name="tenants"),
    path("tenants/connect/", views.connect, name="connect"),
    path("tenants/groups/", groups_views.groups, name="groups"),
    path("tenants/groups/new/", groups_views.make, name="make-group"),
    path("tenants/groups/<str:group_id>/", groups_views.group, name="group"),
    path("tenants/groups/<str:group_id>/invite/", invitation_views.invite_into_group, name="invite-into-group"),
    path("tenants/groups/<str:group_id>/delete/", groups_views.delete, name="delete-group"),
    path("tenants/<str:tenant_id>/", views.tenant, name="tenant"),
    path("tenants/<str:tenant_id>/credentials/", views.credentials, name="credentials"),
    path("tenants/<str:tenant_id>/pause/", views.pause, name="pause"),
    path("tenants/<str:tenant_id>/preflight/", views.preflight, name="preflight"),
    path("tenants/<str:tenant_id>/people/", people_views.people, name="people"),
    path("tenants/<str:tenant_id>/people/<str:membership_id>/", people_views.person, name="person"),
    path("tenants/<str:tenant_id>/people/<str:membership_id>/remove/", people_views.remove, name="remove-person"),
    path("tenants/<str:tenant_id>/invitations/<str:invitation_id>/", invitation_views.pending, name="pending"),
    path("invitation/", accepting_views.invitation, name="invitation"),
    path("platform-people/", platform_views.platform_people, name="platform-people"),
]
