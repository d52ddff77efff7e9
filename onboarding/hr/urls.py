"""Addresses of HR's door."""

from django.urls import path

from onboarding.hr import views

app_name = "hr"
urlpatterns = [
    path("", views.starters, name="list"),
    path("new/", views.record, name="record"),
    path("<str:public_id>/", views.starter, name="starter"),
    path("<str:public_id>/edit/", views.edit, name="edit"),
    path("<str:public_id>/send/", views.send, name="send"),
    path("<str:public_id>/accept/", views.accept, name="accept"),
    path("<str:public_id>/withdraw/", views.withdraw, name="withdraw"),
    path("<str:public_id>/allow/", views.allow, name="allow"),
    path("<str:public_id>/take-back/", views.take_pass_back, name="take-back"),
]
