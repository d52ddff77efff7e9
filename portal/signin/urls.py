"""Addresses of signing in and out."""

from __future__ import annotations

from django.urls import path

from portal.signin import views

app_name = "signin"
urlpatterns = [
    path("signin/", views.start_sign_in, name="start"),
    path("signin/callback/", views.sign_in_callback, name="callback"),
    path("signin/again/", views.sign_in_again, name="again"),
    path("signin/check/", views.check_sign_in, name="check"),
    path("signout/", views.sign_out, name="out"),
    path("signout/done/", views.signed_out, name="signed_out"),
]
