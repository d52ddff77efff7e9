"""Writes the OpenAPI and Swagger files of the connectors: `make connectors`.

They are the portal's own documents, for an address and IDs that stand for those of an installation.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "connectors"
NO_ID = "00000000-0000-0000-0000-000000000000"
PLACEHOLDERS = {
    "PORTAL_URL": "https://starters.contoso.example",
    "AUTHORITY_HOST": "https://login.microsoftonline.com",
    "TENANT_ID": NO_ID,
    "API_CLIENT_ID": NO_ID,
}


def written_documents() -> Mapping[Path, str]:
    """Return the text of each file, as the code writes it now."""
    from django.test import override_settings
    from django.utils import translation

    from onboarding.api.documents import write_document

    with override_settings(**PLACEHOLDERS), translation.override("en"):
        documents = {"openapi.json": write_document("3.0.3"), "swagger.json": write_document("2.0")}
    return {
        FOLDER / name: json.dumps(document, ensure_ascii=False, indent=2) + "\n"
        for name, document in documents.items()
    }


def write() -> None:
    for path, text in written_documents().items():
        path.write_text(text)
        sys.stdout.write(f"{path.relative_to(FOLDER.parent)}\n")


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    write()
