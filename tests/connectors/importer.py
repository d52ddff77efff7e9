"""Calls the operations of an OpenAPI or Swagger file, as a product does that imported it.

What is sent and what comes back must follow the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests

METHODS = {"get", "put", "post", "delete"}


class Document:
    """One of the two files. It hides where each version writes a schema."""

    def __init__(self, path: Path) -> None:
        self.written = json.loads(path.read_text())
        self.is_swagger = "swagger" in self.written
        self.operations = {
            operation["operationId"]: (path, method, operation) for path, method, operation in self._all()
        }

    def _all(self) -> Iterator[tuple[str, str, Any]]:
        for path, methods in self.written["paths"].items():
            yield from ((path, method, each) for method, each in methods.items() if method in METHODS)

    @property
    def base_path(self) -> str:
        return str(
            self.written["basePath"] if self.is_swagger else urlsplit(self.written["servers"][0]["url"]).path
        )

    def schema_of_body(self, operation: Any) -> Any:
        if self.is_swagger:
            return next((each["schema"] for each in operation["parameters"] if each["in"] == "body"), None)
        return operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")

    def schema_of_answer(self, response: Any, content_type: str) -> Any:
        if self.is_swagger:
            return response.get("schema")
        return response["content"][content_type]["schema"] if "content" in response else None

    def require_valid(self, content: Any, schema: Any) -> None:
        """Assert that the content follows a schema of this file."""
        from jsonschema import Draft4Validator  # takes seconds, and each process of a run imports this module

        shared = {name: self.written[name] for name in ("definitions", "components") if name in self.written}
        whole = allow_null({**schema, **shared})
        assert [error.message for error in Draft4Validator(whole).iter_errors(content)] == []


def allow_null(schema: Any) -> Any:
    """Say the two versions' words for null in those of JSON schema."""
    if isinstance(schema, list):
        return [allow_null(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: allow_null(value) for name, value in schema.items()}
    is_nullable = found.get("x-nullable") or found.get("nullable")
    return found | ({"type": [found["type"], "null"]} if is_nullable is True else {})


@dataclass
class Importer:
    """A product with a token that calls the operations by their names."""

    document: Document
    host: str
    token: str

    def call(self, name: str, body: Any = None, **values: str) -> requests.Response:
        path, method, operation = self.document.operations[name]
        query = {}
        for parameter in operation["parameters"]:
            value = values.pop(parameter["name"], None)
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", quote(str(value), safe=""))
            elif parameter["in"] == "query" and value is not None:
                query[parameter["name"]] = value
        assert not values
        if body is not None:
            self.document.require_valid(body, self.document.schema_of_body(operation))
        answer = requests.request(
            method,
            f"{self.host}{self.document.base_path}{path}",
            json=body,
            params=query,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )
        documented = operation["responses"][str(answer.status_code)]
        assert set(documented.get("headers", {})) <= set(answer.headers)
        schema = self.document.schema_of_answer(documented, answer.headers.get("Content-Type", ""))
        if schema:
            self.document.require_valid(answer.json(), schema)
        return answer
