"""Checks that hold for every page: WCAG 2.2 AA, as far as a machine can see."""

from __future__ import annotations

from playwright.sync_api import Page

# What the checks below share. Colours are rgb() or rgba(). A transparent background shows the colour below it.
SHARED = r"""
const shown = (one) => one.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true })
  && getComputedStyle(one).clipPath === "none" && !one.closest(".unseen, .skip");
const called = (one) => `${one.tagName.toLowerCase()}${one.className ? "." + one.className : ""} ` +
  `“${(one.textContent || "").trim().replace(/\s+/g, " ").slice(0, 40)}”`;
const parts = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
function groundOf(one) {
  const layers = [];
  for (let at = one; at; at = at.parentElement) {
    const [red, green, blue, alpha = 1] = parts(getComputedStyle(at).backgroundColor);
    if (alpha > 0) layers.push([red, green, blue, alpha]);
    if (alpha === 1) break;
  }
  return layers.reduceRight((below, [red, green, blue, alpha]) =>
    [red, green, blue].map((part, at) => part * alpha + below[at] * (1 - alpha)), [255, 255, 255]);
}
function luminance(rgb) {
  const [red, green, blue] = rgb.map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}
"""

WIDTH = r"""
const root = document.documentElement;
if (root.scrollWidth > root.clientWidth) {
  const wide = [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && shown(one));
  found.push(`scrolls sideways: ${wide.map(called).slice(0, 3)}`);
}
"""

LAYOUT = (
    WIDTH
    + r"""
// Code scrolls in its own box, which the keyboard reaches.
const free = "input, textarea, select, pre[tabindex='0']";
for (const one of document.querySelectorAll("body *")) {
  if (!shown(one) || getComputedStyle(one).overflowX === "visible" || one.matches(free)) continue;
  if (one.scrollWidth > one.clientWidth + 1) found.push(`cuts off its words: ${called(one)}`);
}
"""
)

STRUCTURE = r"""
const only = (selector, what) => {
  const count = document.querySelectorAll(selector).length;
  if (count !== 1) found.push(`${count} ${what}`);
};
only("h1", "first headings");
only("main", "main parts");
only("body > header", "mastheads");
only("body > footer", "colophons");
if (!document.title.trim()) found.push("no title");
if (!document.documentElement.lang) found.push("no language");
let level = 0;
for (const heading of [...document.querySelectorAll("h1, h2, h3, h4")].filter(shown)) {
  const own = Number(heading.tagName[1]);
  if (own > level + 1) found.push(`skips a level of headings: ${called(heading)}`);
  level = own;
}
const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push(`twice the id ${id}`);
for (const name of ["aria-describedby", "aria-labelledby", "for"])
  for (const one of document.querySelectorAll(`[${name}]`))
    for (const id of one.getAttribute(name).split(/\s+/))
      if (!document.getElementById(id)) found.push(`${name} leads to no ${id}: ${called(one)}`);
for (const one of document.querySelectorAll("nav, section[aria-label]"))
  if (!one.getAttribute("aria-label")) found.push(`a part without a name: ${called(one)}`);
for (const one of document.querySelectorAll("img:not([alt]), svg:not([aria-hidden=true]):not([aria-label])"))
  found.push(`a picture that says nothing: ${called(one)}`);
for (const one of document.querySelectorAll("[aria-invalid=true]:not([aria-describedby])"))
  if (!one.closest("[aria-describedby]")) found.push(`wrong without saying why: ${called(one)}`);
for (const one of document.querySelectorAll("table:not(:has(thead th[scope=col]))"))
  found.push(`a table without heads: ${called(one)}`);
"""

CONTROLS = r"""
const labelled = (one) => (one.getAttribute("aria-labelledby") ?? "").split(" ")
  .map((id) => document.getElementById(id)?.textContent ?? "").join("");
for (const one of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")) {
  if (!shown(one)) continue;
  const name = one.getAttribute("aria-label") || labelled(one) || [...(one.labels ?? [])].map((l) => l.textContent).join("")
    || one.textContent || one.title;
  if (!name.trim()) found.push(`a control without a name: ${one.outerHTML.slice(0, 80)}`);
  const style = getComputedStyle(one);
  const box = (one.closest(".choice, .check, .pick label") ?? one).getBoundingClientRect();
  if (one.matches("a") && style.display === "inline") continue;  // in a sentence
  if (Math.min(box.width, box.height) < 24) found.push(`smaller than 24 px: ${called(one)} ${one.outerHTML.slice(0, 90)}`);
  if (one.matches("main :is(button, .button, select, input, textarea, summary)") && box.height < 43.5)
    found.push(`smaller than 44 px: ${called(one)}`);
}
"""

COLOURS = r"""
function reads(one, pseudo, what) {
  const style = getComputedStyle(one, pseudo);
  const size = parseFloat(style.fontSize);
  const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 600) ? 3 : 4.5;
  const [red, green, blue, alpha = 1] = parts(style.backgroundColor);
  const ground = pseudo && alpha === 1 ? [red, green, blue] : groundOf(one);
  const measured = contrast(parts(style.color).slice(0, 3), ground);
  if (measured < needed) found.push(`${what} reads ${measured.toFixed(2)}:1 and needs ${needed}: ${called(one)}`);
}
const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const seen = new Set();
while (words.nextNode()) {
  const one = words.currentNode.parentElement;
  if (!words.currentNode.textContent.trim() || seen.has(one) || !shown(one)) continue;
  if (one.matches("script, option, noscript")) continue;
  seen.add(one);
  reads(one, null, "text");
}
for (const one of document.querySelectorAll("main *")) {
  const content = getComputedStyle(one, "::before").content;
  if (shown(one) && !["none", "normal", '""'].includes(content)) reads(one, "::before", "what stands before it");
}
const edge = (one, colour, what) => {
  const measured = contrast(parts(colour).slice(0, 3), groundOf(one.parentElement));
  if (measured < 3) found.push(`${what} has ${measured.toFixed(2)}:1 and needs 3: ${called(one)}`);
};
const fields = "input:not([type=radio], [type=checkbox], [type=hidden]), select, textarea, .choice";
for (const one of document.querySelectorAll(`main :is(${fields})`))
  if (shown(one)) edge(one, getComputedStyle(one).borderTopColor, "the edge of a field");
for (const one of document.querySelectorAll("main :is(button, .button)"))
  if (shown(one)) {
    const style = getComputedStyle(one);
    const bare = parts(style.backgroundColor)[3] === 0 && parts(style.borderTopColor)[3] === 0;
    if (bare && style.textDecorationLine === "underline") continue;  // it looks like a link
    const filled = one.matches(".primary:not([aria-disabled])") || style.borderTopColor === "rgba(0, 0, 0, 0)";
    edge(one, filled ? style.backgroundColor : style.borderTopColor, "the edge of a button");
  }
for (const one of document.querySelectorAll("svg.shape"))
  if (shown(one)) {
    const measured = contrast(parts(getComputedStyle(one).color).slice(0, 3), groundOf(one));
    if (measured < 3) found.push(`a shape has ${measured.toFixed(2)}:1`);
  }
for (const one of document.querySelectorAll("[data-tone]"))
  if (shown(one) && (!one.querySelector("svg.shape") || !(one.textContent.trim() || one.matches(".sign"))))
    found.push(`a state without shape or word: ${called(one)}`);
"""

STILL = r"""
for (const one of document.querySelectorAll("*")) {
  const style = getComputedStyle(one);
  if (parseFloat(style.transitionDuration) > 0 || style.animationName !== "none") found.push(`moves: ${called(one)}`);
}
"""

# WCAG 1.4.12: wider word spacing hides no text. It uses CSSOM because the policy blocks inline styles.
SPACED = (
    r"""
const sheet = new CSSStyleSheet();
sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }
  p { margin-block-end: 2em !important; }`);
document.adoptedStyleSheets = [sheet];
"""
    + LAYOUT
    + "document.adoptedStyleSheets = [];"
)

FOCUS = r"""
const one = document.activeElement;
if (one === document.body) return ["", ""];
const drawn = one.closest(".choice:has(:focus-visible)") ?? one;
const style = getComputedStyle(drawn);
const box = drawn.getBoundingClientRect();
if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) found.push(`no focus to be seen: ${called(one)}`);
if (contrast(parts(style.outlineColor).slice(0, 3), groundOf(drawn.parentElement)) < 3)
  found.push(`a pale focus: ${called(one)}`);
const x = Math.min(Math.max(box.left + Math.min(box.width, 40) / 2, 0), innerWidth - 1);
const y = Math.min(Math.max(box.top + box.height / 2, 0), innerHeight - 1);
const top = document.elementFromPoint(x, y);
if (box.bottom <= 0 || box.top >= innerHeight) found.push(`the focus is out of sight: ${called(one)}`);
else if (top && !drawn.contains(top) && !top.contains(drawn))
  found.push(`the focus is covered by ${called(top)}: ${called(one)}`);
return [called(one), found.join("; ")];
"""

FORCED = r"""
const edged = "button, .button, .notice, .choice, input:not([type=radio], [type=checkbox], [type=hidden]), select, textarea";
for (const one of document.querySelectorAll(`main :is(${edged})`)) {
  if (!shown(one)) continue;
  const style = getComputedStyle(one);
  const invisible = style.borderTopStyle === "none" || parseFloat(style.borderTopWidth) < 1
    || contrast(parts(style.borderTopColor).slice(0, 3), groundOf(one.parentElement)) < 3;
  if (invisible) found.push(`has no edge in forced colours: ${called(one)}`);
}
"""


def _ask(page: Page, script: str) -> list[str]:
    return page.evaluate(f"() => {{ const found = []; {SHARED} {{ {script} }} return found; }}")


def complaints(page: Page) -> list[str]:
    """What is wrong with the page as it is now: layout, structure, controls, colours, motion."""
    return _ask(page, "".join(f"{{ {part} }}" for part in (LAYOUT, STRUCTURE, CONTROLS, COLOURS, STILL)))


def complaints_of_width(page: Page) -> list[str]:
    return _ask(page, WIDTH)


def complaints_when_spaced_out(page: Page) -> list[str]:
    return _ask(page, SPACED)


def complaints_in_forced_colours(page: Page) -> list[str]:
    return _ask(page, FORCED)


def complaints_of_the_keyboard(page: Page, most: int = 250) -> list[str]:
    """Press Tab once through the whole page: each focused element must be visible, and no element may trap the focus."""
    wrong: list[str] = []
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    for _ in range(most):
        page.keyboard.press("Tab")
        stop, complaint = page.evaluate(f"() => {{ const found = []; {SHARED} {FOCUS} }}")
        wrong += [complaint] if complaint else []
        if not stop:
            return wrong
    return [*wrong, f"after {most} stops the end of the page was not reached"]
