"""URLs of HR's pages."""

from django.urls import include, path, register_converter
from django.urls.converters import StringConverter

from onboarding.hr import review
from onboarding.hr.lists import export, saved
from onboarding.hr.views import (
    acceptance,
    account,
    actions,
    bulk_actions,
    bulk_recording,
    day,
    editing,
    emergency_stop,
    listing,
    mail_choice,
    recording,
    stand_in,
    starter,
)


class Day(StringConverter):
    """A day in a URL. The view answers 404 if there is no such day."""

    regex = r"\d{4}-\d{2}-\d{2}"


register_converter(Day, "day")

app_name = "hr"
urlpatterns = [
    path("", listing.list_starters, name="list"),
    path("new/", recording.record_starter, name="record"),
    path("new/several/", bulk_recording.record_several, name="several"),
    path("import/", include("onboarding.hr.importing.urls")),
    path("to-accept/", acceptance.accept_starters, name="to-accept"),
    path("mail/", mail_choice.choose_mails, name="mail-choice"),
    path("day/", day.day_page, name="today"),
    path("day/<day:day>/", day.day_page, name="day"),
    path("saved/", saved.save_filter, name="saved"),
    path("saved/delete/", saved.delete_filter, name="saved-delete"),
    path("export/", export.export_list, name="export"),
    path("together/", bulk_actions.bulk_action, name="together"),
    path("<public_id:public_id>/", starter.starter_page, name="starter"),
    path("<public_id:public_id>/edit/", editing.edit_starter, name="edit"),
    path("<public_id:public_id>/send/", actions.send_link, name="send"),
    path("<public_id:public_id>/accept/", actions.accept_account, name="accept"),
    path("<public_id:public_id>/withdraw/", editing.withdraw_starter, name="withdraw"),
    path("<public_id:public_id>/restart/", emergency_stop.restart_page, name="restart"),
    path("<public_id:public_id>/stop-code/", emergency_stop.create_stop_code, name="stop-code"),
    path("<public_id:public_id>/bring-back/", editing.restore_starter, name="bring-back"),
    path("<public_id:public_id>/account/", account.replace_account, name="account"),
    path("<public_id:public_id>/stand-in/", stand_in.stand_in_page, name="stand-in"),
    path("<public_id:public_id>/allow/", editing.allow_another, name="allow"),
    path("<public_id:public_id>/take-back/", actions.cancel_pass, name="take-back"),
    path("<public_id:public_id>/look-again/", review.accept_changes, name="look-again"),
    path("<public_id:public_id>/approve/", review.approve_starter, name="approve"),
]
