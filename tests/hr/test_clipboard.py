"""Read accounts from text that was copied in Outlook, Teams, Word, Excel or an HR system."""

from __future__ import annotations

import pytest

from onboarding.hr.clipboard import read_accounts

A, B, C = "noor.devries@contoso.example", "liam.obrien@contoso.example", "sofia.rossi@contoso.example"
ID = "5c0ffee0-0000-4000-8000-000000000020"

# name of the format: the text on the clipboard, the accounts that are read from it
SHAPES: dict[str, tuple[str, list[str]]] = {
    "one a line": (f"{A}\n{B}\n{C}", [A, B, C]),
    "lines as Windows ends them": (f"{A}\r\n{B}\r\n", [A, B]),
    "lines as old Macs ended them": (f"{A}\r{B}", [A, B]),
    "Word: a line break inside a paragraph": (f"{A}\v{B}", [A, B]),
    "a line separator of Unicode": (f"{A}\u2028{B}\u2029{C}", [A, B, C]),
    "in capitals": ("NOOR.DeVries@Contoso.EXAMPLE", [A]),
    "blank lines and spaces": (f"\n\n  {A}  \n \n\t{B}\t\n", [A, B]),
    "Excel: a quoted cell": (f'"{A}"\r\n"{B}"', [A, B]),
    "Excel: an apostrophe that marks text": (f"'{A}\n'{B}", [A, B]),
    "Excel: a row of cells": (f"Noor de Vries\t{A}\tService design\t30-11-2026", [A]),
    "Excel: empty cells around it": (f"\t\t{A}\t\t\n\t\t\t", [A]),
    "CSV with commas": (f'"de Vries","Noor",{A},"Design"', [A]),
    "CSV with semicolons": (f"de Vries;Noor;{A};Design", [A]),
    "several with semicolons": (f"{A};{B}; {C};", [A, B, C]),
    "several with commas": (f"{A},{B}, {C},", [A, B, C]),
    "several with spaces": (f"{A} {B}  {C}", [A, B, C]),
    "several with slashes": (f"{A}/{B} / {C}", [A, B, C]),
    "Outlook: Name <address>": (f"Noor de Vries <{A}>", [A]),
    "Outlook: a name with a comma": (f"de Vries, Noor <{A}>; O'Brien, Liam <{B}>", [A, B]),
    "Outlook: a quoted name": (f'"de Vries, Noor" <{A}>', [A]),
    "Outlook: the address as its own name": (f"'{A}' <{A}>", [A]),
    "Outlook: Name (address)": (f"Noor de Vries ({A})", [A]),
    "Outlook: Name [address]": (f"Noor de Vries [{A}]", [A]),
    "Outlook: mailto in angles": (f"Noor de Vries <mailto:{A}>", [A]),
    "Outlook: a header line": (f"To: Noor de Vries <{A}>; Liam <{B}>", [A, B]),
    "Outlook: a name with accents": (f"Müller, Zoë <{A}>", [A]),
    "a mailto link": (f"mailto:{A}", [A]),
    "a mailto link with a subject": (f"mailto:{A}?subject=Welcome%20Noor", [A]),
    "Teams: sip": (f"sip:{A}", [A]),
    "Exchange: SMTP": (f"SMTP:{A};smtp:{B}", [A, B]),
    "Teams: a mention with its address": (f"@Noor de Vries {A}", [A]),
    "Markdown: a link": (f"[{A}](mailto:{A})", [A]),
    "Markdown: code": (f"`{A}`", [A]),
    "Markdown: a table": (f"|---|:--:|\n| {A} | Design |\n| {B} | Sales |", [A, B]),
    "Confluence: a table": (f"|{A}|{B}|", [A, B]),
    "HTML as text": (f'<a href="mailto:{A}">{A}</a><br>', [A]),
    "HTML with entities": (f"Noor &lt;{A}&gt;&nbsp;", [A]),
    "list numbers": (f"1. {A}\n2. {B}\n10. {C}", [A, B, C]),
    "list numbers in brackets": (f"1) {A}\n(2) {B}\n#3 {C}", [A, B, C]),
    "list letters": (f"a) {A}\nb. {B}", [A, B]),
    "Word: a numbered list": (f"1.\t{A}\r\n2.\t{B}", [A, B]),
    "hyphens as bullets": (f"- {A}\n-{B}\n– {C}", [A, B, C]),
    "asterisks and plus signs": (f"* {A}\n*{B}\n+ {C}", [A, B, C]),
    "round bullets": (f"• {A}\n•{B}\n·\t{C}", [A, B, C]),
    "Word: bullets of the symbol font": (f"\uf0b7\t{A}\n\uf0a7 {B}\n\uf0d8{C}", [A, B, C]),
    "Word: a bullet of the second level": (f"o\t{A}\n▪\t{B}", [A, B]),
    "check boxes": (f"☐ {A}\n☑ {B}\n[x] {C}", [A, B, C]),
    "a quoted mail": (f"> {A}\n>> {B}", [A, B]),
    "trailing punctuation": (f"{A}.\n{B},\n{C};", [A, B, C]),
    "other trailing punctuation": (f"{A}:\n{B}!\n{C}?)", [A, B, C]),
    "in a sentence": (f"Please add {A} and {B}.", [A, B]),
    "typographic quotes": (f"“{A}”\n„{B}“\n«{C}»", [A, B, C]),
    "single typographic quotes": (f"‘{A}’\n‚{B}‘", [A, B]),
    "a byte order mark": (f"\ufeff{A}\n{B}", [A, B]),
    "a byte order mark read as Windows-1252": (f"ï»¿{A}", [A]),
    "a zero-width space inside": ("noor\u200b.devries@contoso.example", [A]),
    "zero-width joiners around": (f"\u200d{A}\u200c\n\u2060{B}", [A, B]),
    "a soft hyphen": ("noor.de\u00advries@contoso.example", [A]),
    "Outlook contacts: marks of direction": (f"\u202a{A}\u202c\n\u200e{B}\u200f\n\u2068{C}\u2069", [A, B, C]),
    "non-breaking spaces": (f"\u00a0{A}\u00a0\u202f{B}", [A, B]),
    "other spaces": (f"\u2003{A}\u2009{B}\u3000{C}", [A, B, C]),
    "full-width characters": ("ｎｏｏｒ．ｄｅｖｒｉｅｓ＠ｃｏｎｔｏｓｏ．ｅｘａｍｐｌｅ", [A]),
    "full-width separators": (f"{A}；{B}，{C}、", [A, B, C]),
    "a hyphen that does not break": ("anne\u2011marie@contoso.example", ["anne-marie@contoso.example"]),
    "a dash for a hyphen": ("anne–marie@contoso.example", ["anne-marie@contoso.example"]),
    "a typographic apostrophe": ("sean.o’brien@contoso.example", ["sean.o'brien@contoso.example"]),
    "an acute for an apostrophe": ("sean.o´brien@contoso.example", ["sean.o'brien@contoso.example"]),
    "a letter that looks like an apostrophe": (
        "sean.oʼbrien@contoso.example",
        ["sean.o'brien@contoso.example"],
    ),
    "Word: a hyphen that does not break": ("anne\x1emarie@contoso.example", ["anne-marie@contoso.example"]),
    "Word: a hyphen for the end of a line": ("noor.de\x1fvries@contoso.example", [A]),
    "Windows-1252: an apostrophe": ("sean.o\x92brien@contoso.example", ["sean.o'brien@contoso.example"]),
    "Windows-1252: quotes and a bullet": (f"\x93{A}\x94\n\x95 {B}\n\x96 {C}", [A, B, C]),
    "UTF-8 read as Windows-1252": ("sean.oâ€™brien@contoso.example", ["sean.o'brien@contoso.example"]),
    "a space of UTF-8 read as Windows-1252": (f"Â\u00a0{A}", [A]),
    "an object id": (ID, [ID]),
    "an object id in braces and capitals": (f"{{{ID.upper()}}}", [ID]),
    "an object id and its name": (f"{ID}\tNoor de Vries", [ID]),
    "a guest": ("ines_partner.example#EXT#@contoso.example", ["ines_partner.example#ext#@contoso.example"]),
    "the same one twice": (f"{A}\n{A.upper()}\nNoor <{A}>", [A]),
    "nothing but punctuation": ("---\n***\n• \n| | |\n", []),
    "nothing": ("", []),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_accounts_of_a_clipboard_are_read(shape):
    pasted, accounts = SHAPES[shape]

    read = read_accounts(pasted)

    assert [entry.account for entry in read] == accounts, read
    assert not [entry.error for entry in read if entry.error]


# name of the format: the text on the clipboard, the number of the wrong line, and the text of the error
TROUBLES: dict[str, tuple[str, int, str]] = {
    "a letter with an accent": (
        "zoë@contoso.example",
        2,
        "“ë” (LATIN SMALL LETTER E WITH DIAERESIS, U+00EB)",
    ),
    "an accent in the domain": ("a@münchen.example", 2, "“ü” (LATIN SMALL LETTER U WITH DIAERESIS, U+00FC)"),
    "a Cyrillic letter": ("n\u043eor@contoso.example", 2, "“\u043e” (CYRILLIC SMALL LETTER O, U+043E)"),
    "a percent sign": ("no%or@contoso.example", 2, "“%” (PERCENT SIGN, U+0025)"),
    "a name of the old kind": ("CONTOSO\\noor", 2, "“\\” (REVERSE SOLIDUS, U+005C)"),
    "a control character": ("no\x07or@contoso.example", 2, "(BELL, U+0007)"),
    "what was lost in a conversion": ("zo\ufffd@contoso.example", 2, "(REPLACEMENT CHARACTER, U+FFFD)"),
    "a name alone": ("Noor de Vries", 2, "Enter an account name"),
    "no domain": ("noor.devries@", 2, "Enter an account name"),
    "no name": ("@contoso.example", 2, "Enter an account name"),
    "a domain without a dot": ("noor@contoso", 2, "Enter an account name"),
    "two dots": ("noor..devries@contoso.example", 2, "Enter an account name"),
    "two at signs": ("noor@devries@contoso.example", 2, "Enter an account name"),
    "part of an object id": ("5c0ffee0-0000-4000-8000", 2, "Enter an account name"),
    "an address of a page": ("https://contoso.example/noor", 2, "Enter an account name"),
    "too long": ("x" * 130 + "@contoso.example", 2, "at most 120 characters"),
}


@pytest.mark.parametrize("shape", TROUBLES)
def test_invalid_line_is_named_and_the_others_are_read(shape):
    pasted, line, says = TROUBLES[shape]

    read = read_accounts(f"{A}\n{pasted}\n{B}")

    assert [entry.account for entry in read if not entry.error] == [A, B]
    (odd,) = [entry for entry in read if entry.error]
    assert odd.line == line and says in odd.error and odd.typed


@pytest.mark.parametrize(
    ("pasted", "left_out"),
    [
        (f"{A}; bob; {B}", ["bob"]),
        (f"{A}, bob, {B}", ["bob"]),
        (f"de Vries, Noor <{A}>; Bob Smith; O'Brien, Liam <{B}>", ["Bob Smith"]),
        (f"de Vries, Noor <{A}>", []),
        (f"1. {A}\tDesign", []),
    ],
)
def test_near_account_is_an_error_and_a_name_is_ignored(pasted, left_out):
    read = read_accounts(pasted)

    assert read[0].account == A and read[0].ignored_words == left_out
