"""Addresses of the manager's pages."""

from django.urls import path

from onboarding.managers.views import confirm, home, not_me, pass_page

app_name = "managers"
urlpatterns = [
    path("", home.list_my_starters, name="list"),
    path("<public_id:public_id>/", confirm.starter_page, name="starter"),
    path("not-me/<public_id:public_id>/", not_me.stop_page, name="not-me"),
    path("<public_id:public_id>/<uuid:issue_id>/receipt/", pass_page.record_receipt, name="receipt"),
    path("<public_id:public_id>/<uuid:issue_id>/progress/", pass_page.read_progress, name="progress"),
    path("<public_id:public_id>/<uuid:issue_id>/not-seen/", pass_page.cancel_unseen_pass, name="not-seen"),
    path("<public_id:public_id>/<uuid:issue_id>/lost/", pass_page.cancel_lost_pass, name="lost"),
]
