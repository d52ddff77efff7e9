"""Addresses of signing in and out."""

from __future__ import annotations

from django.urls import path

from portal.signin import front_channel, views
from portal.signin.front_channel import FRONT_CHANNEL_PATH

app_name = "signin"
urlpatterns = [
    path("signin/", views.start_sign_in, name="start"),
    path("signin/callback/", views.sign_in_callback, name="callback"),
    path("signin/again/", views.sign_in_again, name="again"),
    path("signin/check/", views.check_sign_in, name="check"),
    # Entra loads this in a frame of its sign-out page.
    path(FRONT_CHANNEL_PATH[1:], front_channel.front_channel_sign_out, name="front_channel"),
    path("signout/", views.sign_out, name="out"),
    path("signout/done/", views.signed_out, name="signed_out"),
]
