"""Addresses of HR's door."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from onboarding.hr import second_look
from onboarding.hr.views import (
    account,
    acts,
    changing,
    day,
    listing,
    recording,
    several,
    stand_in,
    starter,
    together,
)


class Day(StringConverter):
    """A day as it is written in an address; whether there is such a day, the page says."""

    regex = r"\d{4}-\d{2}-\d{2}"


register_converter(Day, "day")

app_name = "hr"
urlpatterns = [
    path("", listing.starters, name="list"),
    path("new/", recording.record, name="record"),
    path("new/several/", several.record_several, name="several"),
    path("day/", day.page, name="today"),
    path("day/<day:day>/", day.page, name="day"),
    path("together/", together.together, name="together"),
    path("<public_id:public_id>/", starter.starter, name="starter"),
    path("<public_id:public_id>/edit/", changing.edit, name="edit"),
    path("<public_id:public_id>/send/", acts.send, name="send"),
    path("<public_id:public_id>/accept/", acts.accept, name="accept"),
    path("<public_id:public_id>/withdraw/", changing.withdraw, name="withdraw"),
    path("<public_id:public_id>/bring-back/", changing.bring_back, name="bring-back"),
    path("<public_id:public_id>/account/", account.replace, name="account"),
    path("<public_id:public_id>/stand-in/", stand_in.stand_in, name="stand-in"),
    path("<public_id:public_id>/allow/", acts.allow, name="allow"),
    path("<public_id:public_id>/take-back/", acts.take_pass_back, name="take-back"),
    path("<public_id:public_id>/look-again/", second_look.look_again, name="look-again"),
    path("<public_id:public_id>/approve/", second_look.approve, name="approve"),
]
