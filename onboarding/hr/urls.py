"""Addresses of HR's door."""

from django.urls import path

from onboarding.hr import views

app_name = "hr"
urlpatterns = [
    path("", views.starters, name="list"),
    path("new/", views.record, name="record"),
    path("<public_id:public_id>/", views.starter, name="starter"),
    path("<public_id:public_id>/edit/", views.edit, name="edit"),
    path("<public_id:public_id>/send/", views.send, name="send"),
    path("<public_id:public_id>/accept/", views.accept, name="accept"),
    path("<public_id:public_id>/withdraw/", views.withdraw, name="withdraw"),
    path("<public_id:public_id>/allow/", views.allow, name="allow"),
    path("<public_id:public_id>/take-back/", views.take_pass_back, name="take-back"),
]
