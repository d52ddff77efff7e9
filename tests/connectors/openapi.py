"""Validates OpenAPI and Swagger documents."""

from __future__ import annotations

from typing import Any


def errors_in(document: dict[str, Any]) -> list[Exception]:
    """What the specification forbids in a document of Swagger 2.0 or OpenAPI 3.0."""
    # Imported here, because the import takes seconds, and each process of a run imports every test.
    from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV30SpecValidator

    validator = OpenAPIV2SpecValidator if "swagger" in document else OpenAPIV30SpecValidator
    return list(validator(document).iter_errors())
