"""The names that Excel users and HR systems give to columns, in English, Dutch and German.

Among them are the exports of Entra, SuccessFactors, Workday, AFAS, Personio and BambooHR.
"""

from __future__ import annotations

import re
import unicodedata

ACCOUNT, MAIL, NAME, FIRST_NAME, LAST_NAME = "account", "mail", "name", "first_name", "last_name"
EMPLOYEE_ID, START_DATE, START_TIME, TIME_ZONE = "employee_id", "start_date", "start_time", "time_zone"
NOTE, MANAGER, IGNORED = "note", "manager", "ignored"
FIELDS = (
    ACCOUNT, MAIL, NAME, FIRST_NAME, LAST_NAME, EMPLOYEE_ID, START_DATE, START_TIME, TIME_ZONE, NOTE, MANAGER,
)  # fmt: skip
# The column that the portal adds to a file of rows to mend, in each language. A new upload leaves it out.
# The shorter titles are in files of earlier versions.
PROBLEM_TITLES = (
    "Problems (ignored on import)", "Problemen (genegeerd bij importeren)", "Probleme (beim Import ignoriert)",
    "Problems (ignored)", "Problemen (genegeerd)", "Probleme (ignoriert)",
)  # fmt: skip

_NAMES = {
    ACCOUNT: """
        account, account name, user name, username, user principal name, upn, login, login name, user login, sign-in name,
        entra account, object id, gebruikersnaam, inlognaam, accountnaam, benutzername, benutzerkonto, konto, kontoname,
        anmeldename, kontoname
    """,
    MAIL: """
        email, email address, mail, mail address, work email, work email address, email work, email primary work,
        primary work email, business email, business email address, company email, email werk, email zakelijk,
        zakelijk email, zakelijk emailadres, werk email, emailadres, emailadres werk, mailadres, email adresse,
        email geschäftlich, geschäftliche email, dienstliche email, mailadresse
    """,
    NAME: """
        name, display name, full name, worker, worker name, employee name, legal name, preferred name,
        last name first name, naam, volledige naam, weergavenaam, naam medewerker, medewerkernaam, anzeigename,
        vollständiger name, mitarbeitername, name des mitarbeiters
    """,
    FIRST_NAME: "first name, given name, legal first name, preferred first name, voornaam, roepnaam, vorname, rufname",
    LAST_NAME: "last name, surname, family name, legal last name, achternaam, nachname, familienname",
    EMPLOYEE_ID: """
        employee id, employee number, employee no, employee nr, user id, person id, personnel number, worker id,
        staff number, medewerker, medewerkernummer, personeelsnummer, werknemersnummer, mitarbeiternummer,
        personalnummer, mitarbeiter id, personal nr
    """,
    START_DATE: """
        start date, hire date, date of hire, starting date, first day, first day of work, first working day, date,
        employment date, employee hire date, joining date, date of joining, entry date, startdatum, datum in dienst,
        in dienst, datum indiensttreding, indiensttreding, aanvangsdatum, eerste werkdag, datum, eintrittsdatum,
        eintritt, einstellungsdatum, antrittsdatum, erster arbeitstag, erster tag
    """,
    START_TIME: "start time, time, starttijd, begintijd, aanvangstijd, tijd, startzeit, uhrzeit, beginnzeit",
    TIME_ZONE: "time zone, zone, tz, tijdzone, zeitzone",
    NOTE: """
        note, notes, note for the manager, comment, comments, remark, remarks, notitie, notitie voor de leidinggevende,
        opmerking, opmerkingen, notiz, notiz für die führungskraft, bemerkung, bemerkungen, anmerkung, hinweis
    """,
    MANAGER: """
        manager, manager name, manager account, manager's account, account of the manager, manager email, manager mail,
        manager user principal name, supervisor, supervisor name, supervisor email, reporting to, reports to,
        line manager, direct manager, leidinggevende, naam leidinggevende, account leidinggevende,
        email leidinggevende, vorgesetzter, vorgesetzte, vorgesetzte r, führungskraft, konto der führungskraft,
        email führungskraft
    """,
    IGNORED: ", ".join(PROBLEM_TITLES),
}
_ODD = re.compile(r"[\W_]+")


def normalise_title(title: str) -> str:
    """Return a title without case, spaces and punctuation. `#` is a number."""
    text = unicodedata.normalize("NFKC", title.replace("#", " number")).casefold()
    return _ODD.sub("", text.removesuffix("(optional)").removeprefix("\ufeff"))


_FIELD_OF = {normalise_title(name): field for field, names in _NAMES.items() for name in names.split(",")}


def find_field(title: str) -> str:
    """Return the field that a column with this title has, or an empty text."""
    return _FIELD_OF.get(normalise_title(title), "") if title else ""
