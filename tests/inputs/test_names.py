"""Names in tokens are cleaned by the function that cleans names from Graph."""

from __future__ import annotations

import pytest

from portal.models import User
from tests.support.lying_entra import NOOR, come_back, playing_entra


@pytest.mark.django_db
def test_a_sign_in_keeps_no_hidden_character_of_a_name(client, monkeypatch):
    with playing_entra(monkeypatch) as entra:
        entra.changes = {
            "name": "Noor\u200b \u202ede\U000e0041 Vries\ufeff",
            "preferred_username": "noor\u2060@contoso.example",
        }
        come_back(client, entra)

    user = User.objects.get(oid=NOOR)
    assert (user.name, user.user_principal_name) == ("Noor de Vries", "noor@contoso.example")


@pytest.mark.django_db
def test_a_sign_in_keeps_the_joiner_that_spells_a_name(client, monkeypatch):
    with playing_entra(monkeypatch) as entra:
        entra.changes = {"name": "نیک\u200cنام"}
        come_back(client, entra)

    assert User.objects.get(oid=NOOR).name == "نیک\u200cنام"
