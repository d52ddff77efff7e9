"""A template loader that renders once what is the same for every reader of a language: labels, static addresses, icons.

Django's own nodes render a translated label or an icon again in each request, which took most of the time of a page.
This loader joins neighbouring constant nodes of a template into one node, and keeps its text for each language. Nothing
that depends on a variable of the page is kept, so no personal detail is.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django.template import Context, Template, TemplateDoesNotExist
from django.template.base import (
    FilterExpression,
    Node,
    NodeList,
    TextNode,
    TokenType,
    Variable,
    VariableNode,
)
from django.template.defaulttags import (
    CommentNode,
    CsrfTokenNode,
    ForNode,
    IfNode,
    LoadNode,
    SpacelessNode,
    URLNode,
    WithNode,
)
from django.template.engine import Engine
from django.template.loader_tags import IncludeNode
from django.template.loaders.base import Loader as BaseLoader
from django.template.loaders.cached import Loader
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.templatetags.static import StaticNode
from django.urls import get_urlconf
from django.utils.safestring import SafeString
from django.utils.translation.trans_real import catalog

MAX_KEPT_CHOICES = 200  # texts of one place that chooses by a variable, such as an icon

_Key = tuple[Any, ...]


class _JoiningLoader(BaseLoader):
    """Changes a template before anybody can render it."""

    def get_template(self, template_name: str, skip: Any = None) -> Template:
        template: Template = super().get_template(template_name, skip)
        join_constants(template.nodelist, self.engine)
        return template


class ConstantsLoader(Loader, _JoiningLoader):
    """Django's cached loader, for templates that are changed once, when they are read."""


def join_constants(nodes: NodeList, engine: Engine) -> None:
    """Put included templates in place, and replace each run of constant nodes by one node; here and in all nodes below."""
    joined: list[Node] = []
    in_place = [inner for node in nodes for inner in put_in_place(node, engine)]
    for is_fixed, run in groupby(in_place, key=lambda node: is_constant(node, engine)):
        together = [*run]
        if (is_fixed and len(together) > 1) or not isinstance(together[0], (TextNode, ConstantNode)):
            together = [ConstantNode(together)] if is_fixed else together
        joined += [
            ChoiceNode(node) if isinstance(node, IncludeNode) and _shows_constants(node, engine) else node
            for node in together
        ]
    nodes[:] = joined
    for node in nodes:
        if not isinstance(node, (InlineNode, ConstantNode)):  # their nodes are joined already
            for inner in _inner_lists(node):
                join_constants(inner, engine)


def put_in_place(node: Node, engine: Engine) -> list[Node]:
    """Return the nodes of the template that a tag includes, or the node itself."""
    if not isinstance(node, IncludeNode) or node.isolated_context or not _is_literal(node.template):
        return [node]
    template = engine.get_template(node.template.resolve(Context()))
    if any(needs_own_template(inner) for inner in template.nodelist.get_nodes_by_type(Node)):
        return [node]
    return [InlineNode(node, template.nodelist)] if node.extra_context else [*template.nodelist]


def needs_own_template(node: Node) -> bool:
    """Whether a node changes something that lasts until the end of its template."""
    sets_variable = getattr(node, "asvar", None) or getattr(node, "varname", None)
    return bool(sets_variable) or not isinstance(node, PLAIN_NODES)


class InlineNode(Node):
    """An included template with variables of its own, whose nodes were looked up once."""

    def __init__(self, include: IncludeNode, nodelist: NodeList) -> None:
        self.extra_context, self.nodelist = include.extra_context, nodelist
        self.token, self.origin = include.token, include.origin

    def render(self, context: Context) -> SafeString:
        values = {name: value.resolve(context) for name, value in self.extra_context.items()}
        with context.push(**values):
            return self.nodelist.render(context)


class ConstantNode(Node):
    """Several constant nodes, rendered once for each language."""

    child_nodelists = ()

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes, self.kept = NodeList(nodes), dict[_Key, SafeString]()
        self.token, self.origin = nodes[0].token, nodes[0].origin

    def render(self, context: Context) -> SafeString:
        key = _reader_key(context)
        text = self.kept.get(key)
        if text is None:
            text = self.kept[key] = self.nodes.render(context)
        return text


class ChoiceNode(Node):
    """An include that shows one of several constant texts, such as an icon by its tone."""

    child_nodelists = ()

    def __init__(self, include: IncludeNode) -> None:
        self.include, self.kept = include, dict[_Key, SafeString]()
        self.token, self.origin = include.token, include.origin

    def render(self, context: Context) -> SafeString:
        values = tuple(value.resolve(context) for value in self.include.extra_context.values())
        key = (*_reader_key(context), values)
        if not all(isinstance(value, str) for value in values) or len(self.kept) >= MAX_KEPT_CHOICES:
            return self.kept.get(key) or self.include.render(context)
        if key not in self.kept:
            self.kept[key] = self.include.render(context)
        return self.kept[key]


def _reader_key(context: Context) -> _Key:
    # The catalogue of texts itself, so that nothing is kept of one that was replaced.
    return catalog(), context.autoescape, get_urlconf()


def is_constant(node: Node, engine: Engine) -> bool:
    """Whether a node always gives the same text to readers of one language. If in doubt, it does not."""
    if isinstance(node, (TextNode, ConstantNode, LoadNode, CommentNode)):
        return True
    if isinstance(node, VariableNode):
        return _is_literal(node.filter_expression)
    if isinstance(node, TranslateNode):
        return not node.asvar and _is_literal(node.filter_expression) and _is_literal(node.message_context)
    if isinstance(node, BlockTranslateNode):
        has_variables = any(token.token_type == TokenType.VAR for token in node.singular)
        return not (has_variables or node.asvar or node.extra_context or node.counter) and _is_literal(
            node.message_context
        )
    if isinstance(node, StaticNode):
        return node.varname is None and _is_literal(node.path)
    if isinstance(node, URLNode):
        return not (node.asvar or node.args or node.kwargs) and _is_literal(node.view_name)
    return (
        isinstance(node, IncludeNode)
        and all(_is_literal(value) for value in node.extra_context.values())
        and _shows_constants(node, engine)
    )


def _shows_constants(node: IncludeNode, engine: Engine) -> bool:
    """Whether the included template sees only what this tag gives it, and shows nothing of that: it only chooses."""
    if not node.isolated_context or not _is_literal(node.template):
        return False
    try:
        template = engine.get_template(node.template.resolve(Context()))
    except TemplateDoesNotExist:
        return False
    return _only_chooses(template.nodelist, engine)


def _only_chooses(nodes: NodeList, engine: Engine) -> bool:
    return all(
        all(_only_chooses(inner, engine) for _, inner in node.conditions_nodelists)
        if isinstance(node, IfNode)
        else isinstance(node, (ConstantNode, ChoiceNode)) or is_constant(node, engine)
        for node in nodes
    )


def _is_literal(expression: FilterExpression | None) -> bool:
    if expression is None:
        return True
    is_fixed = isinstance(expression.var, Variable) and expression.var.lookups is None
    return not expression.filters and (is_fixed or not expression.is_var)


def _inner_lists(node: Node) -> Iterator[NodeList]:
    if isinstance(node, IfNode):
        yield from (inner for _, inner in node.conditions_nodelists)
    else:
        yield from (value for value in vars(node).values() if isinstance(value, NodeList))


# Nodes that change nothing outside themselves. An included template with only these can be put in the place of its tag.
PLAIN_NODES = (
    TextNode, VariableNode, IfNode, ForNode, WithNode, SpacelessNode, CommentNode, LoadNode, URLNode, CsrfTokenNode,
    TranslateNode, BlockTranslateNode, StaticNode, IncludeNode, InlineNode, ConstantNode, ChoiceNode,
)  # fmt: skip
