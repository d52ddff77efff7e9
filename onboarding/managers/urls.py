"""Addresses of the manager's door."""

from django.urls import path

from onboarding.managers import views

app_name = "managers"
urlpatterns = [
    path("<public_id:public_id>/", views.starter_page, name="starter"),
    path("<public_id:public_id>/<uuid:issue_id>/receipt/", views.receipt, name="receipt"),
    path("<public_id:public_id>/<uuid:issue_id>/not-seen/", views.not_seen, name="not-seen"),
    path("<public_id:public_id>/<uuid:issue_id>/lost/", views.lost, name="lost"),
]
