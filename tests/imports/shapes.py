"""Files as Excel and HR systems write them, with the cells that the portal must read from them.

A cell that begins with "!" is the code of the error that must be shown at that cell. `rows` has only cells with a value.
`refused` is the code of the error about the whole file. `asked` are the columns that HR must decide about.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from openpyxl import Workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

Cells = dict[str, str]
NOOR, LIAM = "noor.devries@contoso.example", "liam.obrien@contoso.example"
DAY = datetime(2026, 12, 7)  # noqa: DTZ001 - a cell of a workbook has no time zone
HEAD = ("Account", "Start date", "Note")


@dataclass(frozen=True)
class Shape:
    name: str
    data: bytes
    rows: Sequence[Cells] = ()
    day_order: str = ""  # what HR chose: dmy or mdy
    columns: Mapping[int, str] = field(default_factory=dict)  # what HR chose for a column
    asked: tuple[str, ...] = ()
    refused: str = ""


def text(lines: Iterable[Sequence[str]], separator: str = ",", end: str = "\r\n") -> str:
    return "".join(separator.join(line) + end for line in lines)


def csv(*lines: Sequence[str], separator: str = ",", encoding: str = "utf-8", end: str = "\r\n") -> bytes:
    return text(lines, separator, end).encode(encoding)


def xlsx(
    *lines: Sequence[Any], formats: Mapping[str, str] | None = None, epoch_1904: bool = False, before: int = 0
) -> bytes:
    book = Workbook()
    if epoch_1904:
        book.epoch = CALENDAR_MAC_1904
    for _ in range(before):  # empty sheets in front of it
        book.create_sheet()
    sheet: Any = book.worksheets[-1]
    for line in lines:
        sheet.append(list(line))
    for cell, number_format in (formats or {}).items():
        sheet[cell].number_format = number_format
    return saved(book)


def saved(book: Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def two_sheets(second: str = "visible") -> bytes:
    book = Workbook()
    for line in (HEAD, (NOOR, "2026-12-07", "")):
        book.active.append(line)
    other: Any = book.create_sheet("Leavers")
    other.append((LIAM, "2026-12-08"))
    other.sheet_state = second
    return saved(book)


def rewritten(data: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """The workbook with other XML in one part."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as book, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as copy:
        for info in book.infolist():
            body = book.read(info)
            if info.filename == part:
                assert old in body, part
                body = body.replace(old, new)
            copy.writestr(info.filename, body)
    return out.getvalue()


def zip_of(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as folder:
        for name, body in members.items():
            folder.writestr(name.replace("__", "/"), body)
    return out.getvalue()


def bomb() -> bytes:
    """A workbook of some kilobytes that unpacks to 101 MB."""
    plain = xlsx(HEAD, (NOOR, "2026-12-07", ""))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(plain)) as book, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as copy:
        for info in book.infolist():
            if info.filename != "xl/worksheets/sheet1.xml":
                copy.writestr(info.filename, book.read(info))
        with copy.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            for _ in range(101):
                sheet.write(b" " * 1_000_000)
    return out.getvalue()


def one(account: str = NOOR, start: str = "2026-12-07", **more: str) -> Cells:
    return {name: value for name, value in {"account": account, "start_date": start, **more}.items() if value}


def dates(*written: str, read: Sequence[str], name: str, separator: str = ";", **how: Any) -> Shape:
    """A file with one account a row, and these dates."""
    lines = [(f"a{number}@contoso.example", each) for number, each in enumerate(written)]
    expected = [one(f"a{number}@contoso.example", each) for number, each in enumerate(read)]
    return Shape(name, csv(("Account", "Start date"), *lines, separator=separator), expected, **how)


def times(*written: str, read: Sequence[str], name: str) -> Shape:
    lines = [(f"a{number}@contoso.example", "2026-12-07", each) for number, each in enumerate(written)]
    expected = [one(f"a{number}@contoso.example", start_time=each) for number, each in enumerate(read)]
    return Shape(name, csv(("Account", "Start date", "Start time"), *lines, separator=";"), expected)


TWO = (HEAD, (NOOR, "2026-12-07", "Zoë’s desk"), (LIAM, "2026-12-08", ""))
TWO_READ = (one(note="Zoë’s desk"), one(LIAM, "2026-12-08"))
PLAIN = ((NOOR, "2026-12-07", "Zoë"), (LIAM, "2026-12-08", "für 5 €"))
PLAIN_READ = (one(note="Zoë"), one(LIAM, "2026-12-08", note="für 5 €"))

ENCODINGS = (
    Shape("UTF-8 with commas", csv(*TWO), TWO_READ),
    Shape("UTF-8 with line feeds only", csv(*TWO, end="\n"), TWO_READ),
    Shape("UTF-8 with carriage returns only", csv(*TWO, end="\r"), TWO_READ),
    Shape("UTF-8 with a BOM and semicolons", csv(*TWO, separator=";", encoding="utf-8-sig"), TWO_READ),
    Shape(
        "Windows-1252 with semicolons",
        csv(HEAD, *PLAIN, separator=";", encoding="cp1252"),
        PLAIN_READ,
    ),
    Shape("UTF-16 with a BOM and tabs", csv(*TWO, separator="\t", encoding="utf-16"), TWO_READ),
    Shape(
        "UTF-16 big-endian with a BOM",
        b"\xfe\xff" + csv(*TWO, separator="\t", encoding="utf-16-be"),
        TWO_READ,
    ),
    Shape("UTF-16 without a BOM", csv(*TWO, separator="\t", encoding="utf-16-le"), TWO_READ),
    Shape("UTF-16 big-endian without a BOM", csv(*TWO, separator=";", encoding="utf-16-be"), TWO_READ),
    Shape("tabs", csv(*TWO, separator="\t"), TWO_READ),
    Shape("vertical bars", csv(*TWO, separator="|"), TWO_READ),
    Shape("bytes that no encoding has", b"Account;Start date\r\nno\x81or@contoso.example;2026-12-07\r\n", refused="encoding"),
    Shape("a NUL", b"Account;Start date\r\nno\x00or@contoso.example;2026-12-07\r\n", refused="encoding"),
)  # fmt: skip

QUOTES = (
    Shape("Excel's own line about the separator", b"sep=;\r\n" + csv(*TWO, separator=";"), TWO_READ),
    Shape("Excel's own line, with commas", b"sep=,\r\n" + csv(*TWO), TWO_READ),
    Shape(
        "all cells in quotes",
        csv(*[[f'"{cell}"' for cell in line] for line in TWO], separator=";"),
        TWO_READ,
    ),
    Shape(
        "a line break in quotes",
        csv(HEAD, (NOOR, "2026-12-07", '"Desk 4\nsecond floor"'), (LIAM, "2026-12-08", ""), separator=";"),
        (one(note="Desk 4\nsecond floor"), one(LIAM, "2026-12-08")),
    ),
    Shape(
        "the separator in quotes",
        csv(HEAD, (NOOR, "2026-12-07", '"Desk 4, second floor"'), (LIAM, "2026-12-08", "")),
        (one(note="Desk 4, second floor"), one(LIAM, "2026-12-08")),
    ),
    Shape(
        "quotes in quotes",
        csv(HEAD, (NOOR, "2026-12-07", '"The ""blue"" door"'), separator=";"),
        (one(note='The "blue" door'),),
    ),
    Shape(
        "more commas than semicolons",
        csv(HEAD, (NOOR, "2026-12-07", "a, b, c, d, e"), (LIAM, "2026-12-08", "f, g, h, i"), separator=";"),
        (one(note="a, b, c, d, e"), one(LIAM, "2026-12-08", note="f, g, h, i")),
    ),
    Shape("a quote that never ends", csv(HEAD, (NOOR, "2026-12-07", '"Desk 4')), refused="quotes"),
    Shape(
        "a separator without quotes",
        csv(HEAD, (NOOR, "2026-12-07", "Desk 4, second floor")),
        (one(note="!extra_cells"),),
    ),
    Shape(
        "spaces around cells",
        csv((" Account ", "Start date ", " Note"), (f" {NOOR} ", " 2026-12-07 ", "  Desk 4 ")),
        (one(note="Desk 4"),),
    ),
    Shape(
        "separators at the end of each line",
        csv((*HEAD, "", ""), (NOOR, "2026-12-07", "", "", ""), separator=";"),
        (one(),),
    ),
    Shape(
        "short lines",
        csv(HEAD, (NOOR, "2026-12-07"), (LIAM,), separator=";"),
        (one(), one(LIAM, "!missing")),
    ),
    Shape(
        "empty lines",
        csv((), HEAD, (), (NOOR, "2026-12-07", ""), ("", "", ""), (LIAM, "2026-12-08", ""), (), separator=";"),
        (one(), one(LIAM, "2026-12-08")),
    ),
)  # fmt: skip

SYSTEMS = (
    Shape(
        "AFAS with a title",
        csv(
            ("Instroom december", "", "", "", ""), (),
            ("Medewerker", "Naam", "E-mail werk", "Datum in dienst", "Leidinggevende"),
            ("000123", "Noor de Vries", NOOR, "07-12-2026", "Maria Jansen"), separator=";", encoding="cp1252",
        ),
        ({"employee_id": "000123", "name": "Noor de Vries", "mail": NOOR, "start_date": "2026-12-07",
          "manager": "Maria Jansen"},),
        day_order="dmy",
    ),
    Shape(
        "Personio in German",
        csv(
            ("Vorname", "Nachname", "E-Mail", "Eintrittsdatum", "Vorgesetzter"),
            ("Jörg", "Müller", "joerg.mueller@contoso.example", "07.12.2026", "Maria Jansen"),
            separator=";", encoding="utf-8-sig",
        ),
        ({"first_name": "Jörg", "last_name": "Müller", "mail": "joerg.mueller@contoso.example",
          "start_date": "2026-12-07", "manager": "Maria Jansen"},),
    ),
    Shape(
        "Personio in English",
        csv(("First name", "Last name", "Email", "Hire date", "Supervisor"), ("Noor", "de Vries", NOOR, "2026-12-07", "")),
        ({"first_name": "Noor", "last_name": "de Vries", "mail": NOOR, "start_date": "2026-12-07"},),
    ),
    Shape(
        "BambooHR",
        csv(
            ("Employee #", '"Last name, First name"', "Work Email", "Hire Date", "Reporting to"),
            ("17", '"de Vries, Noor"', NOOR, "12/31/2026", "Maria Jansen"),
        ),
        ({"employee_id": "17", "name": "de Vries, Noor", "mail": NOOR, "start_date": "2026-12-31", "manager": "Maria Jansen"},),
    ),
    Shape(
        "Workday with a title",
        xlsx(
            ("New Hires",), ("As of", "2026-11-30"), (), ("Employee ID", "Worker", "Email - Work", "Hire Date", "Manager"),
            ("21042", "Noor de Vries", NOOR, DAY, "Maria Jansen"),
        ),
        ({"employee_id": "21042", "name": "Noor de Vries", "mail": NOOR, "start_date": "2026-12-07",
          "manager": "Maria Jansen"},),
    ),
    Shape(
        "Workday as a web service",
        csv(("Employee ID", "Email - Primary Work", "Hire Date"), ("21042", NOOR, "2026-12-07-08:00")),
        ({"employee_id": "21042", "mail": NOOR, "start_date": "2026-12-07"},),
    ),
    Shape(
        "SuccessFactors with two heads",
        csv(
            ("STATUS", "USERID", "USERNAME", "FIRSTNAME", "LASTNAME", "EMAIL", "MANAGER", "HIREDATE"),
            ("Status", "User ID", "Username", "First Name", "Last Name", "Email", "Manager", "Hire Date"),
            ("active", "00042", NOOR, "Noor", "de Vries", NOOR, "maria.jansen@contoso.example", "12/31/2026"),
        ),
        ({"employee_id": "00042", "account": NOOR, "first_name": "Noor", "last_name": "de Vries", "mail": NOOR,
          "manager": "maria.jansen@contoso.example", "start_date": "2026-12-31"},),
        asked=("STATUS",),
    ),
    Shape(
        "SuccessFactors over OData",
        csv(("userId", "username", "startDate"), ("42", NOOR, "2026-12-07T00:00:00.000")),
        ({"employee_id": "42", "account": NOOR, "start_date": "2026-12-07"},),
    ),
    Shape(
        "Entra's own export",
        csv(("userPrincipalName", "displayName", "mail", "employeeHireDate"),
            (NOOR, "Noor de Vries", NOOR, "2026-12-07T00:00:00Z")),
        ({"account": NOOR, "name": "Noor de Vries", "mail": NOOR, "start_date": "2026-12-07"},),
    ),
    Shape(
        "a list in Dutch",
        csv(("Gebruikersnaam", "Startdatum", "Starttijd", "Tijdzone", "Opmerking"),
            (NOOR, "2026-12-07", "08:30", "Europe/Amsterdam", "Bureau 4"), separator=";"),
        (one(start_time="08:30", time_zone="Europe/Amsterdam", note="Bureau 4"),),
    ),
    Shape(
        "a list in German",
        csv(("Benutzername", "Startdatum", "Uhrzeit", "Zeitzone", "Bemerkung", "Führungskraft"),
            (NOOR, "07.12.2026", "8.30 Uhr", "Europe/Berlin", "Platz 4", "Maria Jansen"), separator=";", encoding="cp1252"),
        (one(start_time="08:30", time_zone="Europe/Berlin", note="Platz 4", manager="Maria Jansen"),),
    ),
    Shape(
        "odd writing of the head",
        csv(("ACCOUNT_NAME", "start-date", "Note\u00a0for the manager"), (NOOR, "2026-12-07", "Desk")),
        (one(note="Desk"),),
    ),
    Shape(
        "the manager's account has a column",
        csv(("Name", "Account", "Manager account", "Date"),
            ("Noor de Vries", NOOR, "maria.jansen@contoso.example", "2026-12-07"), separator="\t"),
        (one(name="Noor de Vries", manager="maria.jansen@contoso.example"),),
    ),
    Shape(
        "no head: nothing is guessed",
        csv(("Noor de Vries", NOOR, "maria.jansen@contoso.example", "2026-12-07"), separator="\t"),
        ({},),
        asked=("A", "B", "C", "D"),
    ),
    Shape(
        "no head, with chosen columns",
        csv(("Noor de Vries", NOOR, "maria.jansen@contoso.example", "2026-12-07"), separator="\t"),
        (one(name="Noor de Vries", manager="maria.jansen@contoso.example"),),
        columns={0: "name", 1: "account", 2: "manager", 3: "start_date"},
        asked=("A", "B", "C", "D"),
    ),
    Shape(
        "two columns of one kind",
        csv(("Email", "E-mail", "Start date"), (NOOR, LIAM, "2026-12-07")),
        ({"start_date": "2026-12-07"},),
        asked=("Email", "E-mail"),
    ),
    Shape(
        "an unknown column",
        csv(("Account", "Start date", "Shoe size"), (NOOR, "2026-12-07", "41")),
        (one(),),
        asked=("Shoe size",),
    ),
    Shape(
        "a file of the portal with the rows to mend",
        csv(("Account", "Start date", "Note", "Problems (ignored)"),
            (NOOR, "2026-12-07", "'-4 degrees", "Start date: check it")),
        (one(note="-4 degrees"),),
    ),
)  # fmt: skip

DATES = (
    dates("2026-12-07", "2026-1-5", "2027-02-28", read=("2026-12-07", "2026-01-05", "2027-02-28"), name="ISO dates"),
    dates("20261207", "20270105", read=("2026-12-07", "2027-01-05"), name="ISO dates without hyphens"),
    dates("2026/12/07", read=("2026-12-07",), name="the year first, with slashes"),
    dates("07.12.2026", "7.1.2027", "07.12.26", read=("2026-12-07", "2027-01-07", "2026-12-07"), name="dots"),
    dates("31/12/2026", "13/1/2027", read=("2026-12-31", "2027-01-13"), name="day first with slashes, certain"),
    dates("12/31/2026", "1/13/2027", read=("2026-12-31", "2027-01-13"), name="month first with slashes, certain"),
    dates("07/12/2026", "12/12/2026", read=("!ambiguous_date", "2026-12-12"), name="slashes that can be either"),
    dates("07/12/2026", "12/12/2026", read=("2026-12-07", "2026-12-12"), name="slashes, day first chosen", day_order="dmy"),
    dates("07/12/2026", "12/31/2026", read=("2026-07-12", "2026-12-31"), name="slashes, month first chosen", day_order="mdy"),
    dates("12/31/2026", "07/12/2026", read=("!other_order", "2026-12-07"), name="one date against the choice", day_order="dmy"),
    dates("31-12-2026", "31-1-2027", read=("2026-12-31", "2027-01-31"), name="day first with hyphens, certain"),
    dates("07-12-2026", read=("!ambiguous_date",), name="hyphens that can be either"),
    dates("07-12-2026", read=("2026-12-07",), name="hyphens, day first chosen", day_order="dmy"),
    dates("46363", "46363.0", "46363,0", read=("2026-12-07",) * 3, name="Excel's serial numbers"),
    dates("7 Dec 2026", "7-Dec-2026", "December 7, 2026", read=("2026-12-07",) * 3, name="months in English"),
    dates("7 december 2026", "7 mrt 2027", "7 mei 2027",
          read=("2026-12-07", "2027-03-07", "2027-05-07"), name="months in Dutch"),
    dates("7. Dezember 2026", "7. März 2027", "7. Okt. 2027",
          read=("2026-12-07", "2027-03-07", "2027-10-07"), name="months in German"),
    dates("2026-12-07T00:00:00", "2026-12-07 00:00", "2026-12-07T00:00:00Z",
          read=("2026-12-07",) * 3, name="ISO with midnight"),
    dates("2026-12-06T23:00:00Z", "2026-12-07T09:00:00+01:00", read=("!zoned_date",) * 2, name="ISO with a time in a zone"),
    dates("07/12/26", "26-12-07", read=("!short_year", "!short_year"), name="years of two digits"),
    dates("31.02.2027", "2026-13-01", "32/12/2026", read=("!no_such_date",) * 3, name="no such day"),
    dates("soon", "Q1 2027", "12/2026", "-1", "5", read=("!unknown_date",) * 5, name="no dates"),
    dates("", "#N/A", read=("!missing", "!spreadsheet_error"), name="no date, and a spreadsheet's error"),
    Shape(
        "date and time in one cell",
        csv(("Account", "Start date"), (NOOR, "2026-12-07 08:30"), (LIAM, "46364.375"), (LIAM, "08.12.2026 9:00"),
            separator=";"),
        (one(start_time="08:30"), *[one(LIAM, "2026-12-08", start_time="09:00")] * 2),
    ),
    Shape(
        "another time in the date's cell",
        csv(("Account", "Start date", "Start time"), (NOOR, "2026-12-07 08:30", "09:00"), separator=";"),
        (one(start_time="!two_times"),),
    ),
)  # fmt: skip

VALUES = (
    times("9:00", "09:00:00", "9.00", "9 Uhr", "9:30 AM", "1:15 pm",
          read=("09:00", "09:00", "09:00", "09:00", "09:30", "13:15"), name="times"),
    times("0.375", "0,375", "0900", read=("09:00", "09:00", "09:00"), name="times as Excel's fractions, and without a colon"),
    times("9", "25:00", "noon", "9:75", read=("!unknown_time",) * 4, name="no times"),
    Shape(
        "time zones",
        csv(("Account", "Start date", "Time zone"), (NOOR, "2026-12-07", "europe/lisbon"),
            (LIAM, "2026-12-07", "W. Europe Standard Time"), ("a@contoso.example", "2026-12-07", "CET"), separator=";"),
        (one(time_zone="Europe/Lisbon"), one(LIAM, time_zone="Europe/Berlin"),
         one("a@contoso.example", time_zone="!unknown_zone")),
    ),
    Shape(
        "accounts with something around them",
        csv(("Account", "Start date"), (f"mailto:{NOOR}", "2026-12-07"), (f"Liam O’Brien <{LIAM.upper()}>", "2026-12-07"),
            ("sean.o’brien@contoso.example", "2026-12-07"), separator=";"),
        (one(), one(LIAM), one("sean.o'brien@contoso.example")),
    ),
    Shape(
        "no accounts, or two",
        csv(("Account", "Start date"), (f"{NOOR} / {LIAM}", "2026-12-07"), ("Noor", "2026-12-07"),
            ("zoë@contoso.example", "2026-12-07"), ("", "2026-12-07"), separator=";"),
        (one("!two_accounts"), one("!not_an_account"), one("!not_an_account"), one("!missing")),
    ),
    Shape(
        "an object ID",
        csv(("Account", "Start date"), ("5A4D0B0C-0000-4000-8000-0000000000AA", "2026-12-07")),
        (one("5a4d0b0c-0000-4000-8000-0000000000aa"),),
    ),
    Shape(
        "leading zeros",
        csv(("Account", "Start date", "Employee number"), (NOOR, "2026-12-07", "000123"), (LIAM, "2026-12-07", '"=""00042"""'),
            separator=";"),
        (one(employee_id="000123"), one(LIAM, employee_id="00042")),
    ),
    Shape(
        "notes that cannot be kept",
        csv(HEAD, (NOOR, "2026-12-07", "x" * 501), (LIAM, "2026-12-07", "left\u202eright"),
            ("a@contoso.example", "2026-12-07", "#REF!"), separator=";"),
        (one(note="!too_long"), one(LIAM, note="!hidden_characters"), one("a@contoso.example", note="!spreadsheet_error")),
    ),
    Shape("a cell of a thousand characters", csv(HEAD, (NOOR, "2026-12-07", "x" * 4001)), refused="long_cell"),
)  # fmt: skip

WORKBOOKS = (
    Shape("a workbook with dates", xlsx(HEAD, (NOOR, DAY, "Zoë"), (LIAM, date(2026, 12, 8), None)),
          (one(note="Zoë"), one(LIAM, "2026-12-08"))),
    Shape("a workbook with dates as text", xlsx(HEAD, (NOOR, "07.12.2026", "")), (one(),)),
    Shape("a workbook with dates in either order", xlsx(HEAD, (NOOR, "07/12/2026", "")), (one(start="!ambiguous_date"),)),
    Shape("a workbook with serial numbers", xlsx(HEAD, (NOOR, 46363, "")), (one(),)),
    Shape("a workbook with the calendar of 1904", xlsx(HEAD, (NOOR, DAY, ""), epoch_1904=True), (one(),)),
    Shape("serial numbers of the calendar of 1904", xlsx(HEAD, (NOOR, 46363 - 1462, ""), epoch_1904=True), (one(),)),
    Shape("a workbook with date and time", xlsx(HEAD, (NOOR, DAY.replace(hour=8, minute=30), "")), (one(start_time="08:30"),)),
    Shape("a workbook with times",
          xlsx(("Account", "Start date", "Start time"), (NOOR, DAY, time(8, 30)), (LIAM, DAY, 0.375)),
          (one(start_time="08:30"), one(LIAM, start_time="09:00"))),
    Shape("numbers that are shown with zeros",
          xlsx(("Account", "Start date", "Employee number"), (NOOR, DAY, 123), (LIAM, DAY, 42), formats={"C2": "000000"}),
          (one(employee_id="000123"), one(LIAM, employee_id="42"))),
    Shape("a workbook with an empty sheet in front", xlsx(HEAD, (NOOR, DAY, ""), before=1), (one(),)),
    Shape("a workbook with a hidden second sheet", two_sheets("hidden"), (one(),)),
    Shape("a workbook with two sheets", two_sheets(), (one(),), asked=("Leavers",)),
    Shape("a workbook with a formula", xlsx(HEAD, (NOOR, "=TODAY()+7", "")), (one(start="!missing"),)),
    Shape("a workbook with an error", xlsx(HEAD, (NOOR, "#N/A", "")), (one(start="!spreadsheet_error"),)),
    Shape("a workbook with truth values", xlsx(HEAD, (NOOR, True, "")), (one(start="!unknown_date"),)),
    Shape("a workbook that lies about its size",
          rewritten(xlsx(HEAD, (NOOR, DAY, "")), "xl/worksheets/sheet1.xml", b'ref="A1:C2"', b'ref="A1:XFD1048576"'), (one(),)),
    Shape("a workbook that says it has one row",
          rewritten(xlsx(HEAD, (NOOR, DAY, "")), "xl/worksheets/sheet1.xml", b'ref="A1:C2"', b'ref="A1:C1"'), (one(),)),
    Shape("a workbook with a cell far away",
          rewritten(xlsx(HEAD, (NOOR, DAY, "x")), "xl/worksheets/sheet1.xml", b'r="C2"', b'r="XFD2"'), refused="columns"),
    Shape("a workbook that unpacks to 101 MB", bomb(), refused="unpacked"),
    Shape("a workbook that ends early", xlsx(HEAD, (NOOR, DAY, ""))[:-200], refused="workbook"),
    Shape("a workbook whose sheet is broken",
          rewritten(xlsx(HEAD, (NOOR, DAY, "")), "xl/worksheets/sheet1.xml", b"</sheetData>", b"</sheetDatum>"),
          refused="workbook"),
)  # fmt: skip

FILES = (
    Shape("a workbook of Excel 97, or one with a password", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
          refused="old_workbook"),
    Shape("an OpenDocument file", zip_of(mimetype=b"application/vnd.oasis.opendocument.spreadsheet", content__xml=b""),
          refused="no_table"),
    Shape("a PDF file", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", refused="no_table"),
    Shape("a page that calls itself a workbook", b"<html><table><tr><td>Account</td></tr></table></html>", refused="no_table"),
    Shape("an empty file", b"", refused="empty"),
    Shape("only spaces", b" \r\n\r\n", refused="empty"),
    Shape("only a head", csv(HEAD), refused="no_rows"),
    Shape("too many rows", csv(HEAD, *[(NOOR, "2026-12-07", "")] * 10_001), refused="rows"),
    Shape("too many columns", csv(tuple(f"c{n}" for n in range(61)), ("1",) * 61), refused="columns"),
)  # fmt: skip

SHAPES = (*ENCODINGS, *QUOTES, *SYSTEMS, *DATES, *VALUES, *WORKBOOKS, *FILES)
