"""What all of HR's pages have in common: the starter of an address, and how an act went, in words."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import corrections, directory, routing, services
from onboarding.lifecycle import NotPermitted
from onboarding.models import Starter
from onboarding.moves import Changed

CHANGED = _(
    "Somebody or something changed this starter meanwhile. This is how it stands now; nothing of yours was saved."
)


def starter_or_404(public_id: str) -> Starter:
    found: Starter = get_object_or_404(Starter.objects.select_related("recorded_by"), public_id=public_id)
    return found


def said(act: Callable[[], str | None], success: str = "") -> tuple[bool, str]:
    """Do it, and say how it went: in the words that `act` returns, else in those given."""
    try:
        return True, act() or success
    except (Changed, NotPermitted, services.AccountMoved):
        return False, str(CHANGED)
    except services.CannotInvite as problem:
        return False, gettext("The link was not sent. %(why)s.") % {"why": problem}
    except services.OwnStarter:
        return False, gettext("You are this person's manager: somebody else in HR must do this.")
    except routing.CannotStandIn as why:
        return False, gettext("Nothing was changed. %(why)s") % {"why": why}
    except services.AlreadyRecorded:
        return False, gettext("Another unfinished starter has this account. Withdraw one of the two.")
    except corrections.SameAccount:
        return False, gettext("This is the account that the starter has already.")
    except directory.Trouble:
        return False, gettext("The directory does not answer. Nothing was changed; try again in a minute.")


def done(request: HttpRequest, act: Callable[[], str | None], success: str = "") -> bool:
    """Do it, and say on the next page how it went."""
    is_done, words = said(act, success)
    (messages.success if is_done else messages.error)(request, words)
    return is_done
