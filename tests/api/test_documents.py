"""The OpenAPI and Swagger documents: valid, complete, and without a place for a pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from onboarding.api import documents, fields, problems
from onboarding.api.urls import urlpatterns
from tests.connectors import openapi


@pytest.mark.parametrize("version", ["2.0", "3.0.3"])
def test_the_document_is_valid(version):
    assert openapi.errors_in(documents.write_document(version)) == []


@pytest.mark.parametrize(("address", "version"), [("openapi.json", "3.0.3"), ("swagger.json", "2.0")])
def test_the_document_is_published(client, address, version):
    document = client.get(f"/api/v1/{address}").json()

    assert (document.get("openapi") or document.get("swagger")) == version
    assert document == documents.write_document(version)


@pytest.mark.django_db
def test_without_a_registration_there_is_no_document(client, settings):
    settings.API_CLIENT_ID = ""

    assert client.get("/api/v1/openapi.json").status_code == 404


def test_every_address_is_documented():
    named = {pattern.name for pattern in urlpatterns} - {"openapi", "swagger", "no-such-address"}

    assert len({operation.path for operation in documents.OPERATIONS}) == len(named)


def test_every_field_of_the_form_is_in_the_document():
    assert set(documents.SENT) == set(fields.StarterFields.base_fields)


def test_every_kind_of_problem_is_documented():
    told = {kind for operation in documents.OPERATIONS for kind in operation.problems}
    told |= {*documents.COMMON, problems.WRONG_METHOD}

    assert set(problems.KINDS) - told == {problems.NO_SUCH_ADDRESS}


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name, inner
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


@pytest.mark.parametrize("version", ["2.0", "3.0.3"])
def test_no_schema_has_a_field_for_a_pass(version):
    document = documents.write_document(version)
    schemas = document["definitions"] if version == "2.0" else document["components"]["schemas"]
    # The secret is a webhook's own, shown once when it is added.
    names = {name for kind, schema in schemas.items() for name in schema["properties"] if kind != "NewHook"}

    assert names
    assert set(schemas["NewHook"]["properties"]) == {*documents.HOOK_SHOWN, "secret"}
    assert not [name for name in names if {"pass", "code", "secret", "token"} & {name.lower()} - {"code"}]
    # `code` is a word of a closed list, in a problem, a field error or an obstacle; never in a starter.
    assert "code" not in documents.SHOWN


@pytest.mark.parametrize("version", ["2.0", "3.0.3"])
def test_importers_find_nothing_that_they_cannot_read(version):
    names = {name for name, _ in walk(documents.write_document(version))}

    assert not names & {"oneOf", "anyOf", "allOf", "not", "discriminator"}


def test_every_operation_has_a_summary_and_a_name():
    for operation in documents.OPERATIONS:
        assert operation.summary
        assert operation.name.isidentifier()


def test_power_automate_finds_the_trigger():
    document = documents.write_document("2.0")
    path = document["paths"]["/hooks"]

    assert path["post"]["x-ms-trigger"] == "single"
    assert path["x-ms-notification-content"]["schema"] == {"$ref": "#/definitions/HookEvent"}
    assert document["definitions"]["HookRequest"]["properties"]["url"]["x-ms-notification-url"] is True
    assert "Location" in path["post"]["responses"]["201"]["headers"]
    assert "delete" in document["paths"]["/hooks/{hook}"]


def test_only_swagger_has_the_words_of_power_automate():
    assert not [name for name, _ in walk(documents.write_document("3.0.3")) if name.startswith("x-ms-")]
