"""A form as a person sees it: filled in by its labels, and sent with the fields that a browser would send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Control:
    """One field of the form. `options` maps what a person reads to what is sent."""

    name: str
    kind: str  # text, textarea, select, checkbox, radio, hidden, …
    value: str
    checked: bool = False
    options: dict[str, str] = field(default_factory=dict)


class ShownForm(HTMLParser):
    """The form of a page with this id. Its labels lead to its controls; hidden fields have none."""

    def __init__(self, page: str, form_id: str) -> None:
        super().__init__()
        self._id, self._inside = form_id, False
        self.controls: list[Control] = []
        self.labels: dict[str, str] = {}  # the text of a label, and the id of its control
        self._ids: dict[str, Control] = {}
        self._label = self._words = self._option = ""
        self._select: Control | None = None
        self._textarea: Control | None = None
        self.feed(page)
        assert self.controls, f"the page has no form with the id {form_id}"

    def fill(self, typed: Mapping[str, str | bool]) -> dict[str, list[str]]:
        """Fill in these fields by their labels. Returns what a browser would send.

        Raises LookupError where the page has no such label or option.
        """
        for label, value in typed.items():
            control = self.control(label)
            if isinstance(value, bool):
                control.checked = value
            elif control.kind == "select":
                control.value = control.options[value]
            else:
                control.value = value
        return self.sent()

    def control(self, label: str) -> Control:
        """The visible field with this label. Raises LookupError."""
        return self._ids[self.labels[label]]

    def value(self, label: str) -> str:
        """The value of the field as a person reads it. Raises LookupError."""
        control = self.control(label)
        if control.kind == "select":
            return next(words for words, value in control.options.items() if value == control.value)
        return control.value

    def sent(self) -> dict[str, list[str]]:
        body: dict[str, list[str]] = {}
        for control in self.controls:
            if control.kind not in {"checkbox", "radio"} or control.checked:
                body.setdefault(control.name, []).append(control.value)
        return body

    # --- Reading the page ---------------------------------------------------------------------------------------

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = given.get("id") == self._id
        if not self._inside:
            return
        if tag == "label":
            self._label, self._words = given.get("for", ""), ""
        elif tag in {"input", "select", "textarea"} and given.get("name"):
            self._found(tag, given)
        elif tag == "option" and self._select is not None:
            self._option, self._words = given.get("value", ""), ""
            if "selected" in given:
                self._select.value = self._option

    def _found(self, tag: str, given: dict[str, str]) -> None:
        kind = given.get("type", "text") if tag == "input" else tag
        if kind == "submit":
            return
        usual = "on" if kind == "checkbox" else ""
        control = Control(given["name"], kind, given.get("value", usual), "checked" in given)
        self.controls.append(control)
        if kind != "hidden" and "disabled" not in given:
            self._ids[given.get("id", "")] = control
        self._select = control if tag == "select" else None
        self._textarea = control if tag == "textarea" else None

    def handle_data(self, data: str) -> None:
        self._words += data
        if self._textarea is not None:
            self._textarea.value += data

    def handle_endtag(self, tag: str) -> None:
        words = " ".join(self._words.split())
        if tag == "form":
            self._inside = False
        elif tag == "label" and self._label:
            self.labels[words.removesuffix(":")], self._label = self._label, ""
        elif tag == "option" and self._select is not None:
            self._select.options[words] = self._option
        elif tag == "select":
            self._select = None
        elif tag == "textarea" and self._textarea is not None:
            self._textarea.value, self._textarea = self._textarea.value.removeprefix("\n"), None
