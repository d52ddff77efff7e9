"""Addresses of the auditors' pages."""

from django.urls import path

from onboarding.auditors import views

app_name = "audit"
urlpatterns = [
    path("", views.list_events, name="events"),
    path("export/", views.export_file, name="export"),
    path("passes/", views.list_passes, name="passes"),
    path("starters/<public_id:public_id>/", views.starter_story, name="starter"),
]
