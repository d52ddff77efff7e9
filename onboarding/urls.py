"""Addresses of the work."""

from django.urls import include, path

from onboarding.managers.views import home

urlpatterns = [
    path("", home, name="home"),
    path("starters/", include("onboarding.managers.urls")),
    path("hr/", include("onboarding.hr.urls")),
]
