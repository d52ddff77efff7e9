"""List the packages that the portal runs on: `python requirements/sbom.py sbom|licences`, with the Python of .venv.

`sbom` writes var/sbom.json: CycloneDX 1.6, checked against its schema, with the version, hashes and licence of each package
in requirements/run.txt and what each package needs. It is made again from the lock whenever it is wanted, so no copy is kept
in the repository. `licences` writes docs/reference/licences.md.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

TOP = Path(__file__).resolve().parent.parent
LOCK = TOP / "requirements" / "run.txt"
SBOM = TOP / "var" / "sbom.json"
PAGE = TOP / "docs" / "reference" / "licences.md"
PACKAGE = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", re.M)
# Licences that an organisation can use the portal under, unchanged, as a service of its own. SPDX identifiers.
ALLOWED = frozenset(
    {
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "LGPL-3.0-only",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
    }
)
# Packages whose metadata has no SPDX expression. Somebody read the licence file of each.
READ = {
    "defusedxml": "PSF-2.0",
    "django-csp": "BSD-3-Clause",
    "segno": "BSD-3-Clause",
    "sqlparse": "BSD-3-Clause",
}
INTRODUCTION = """\
# Licences

The portal itself is under the [MIT licence](../../LICENSE). It runs on the packages below, at the versions and with the hashes
of `requirements/run.txt`. `requirements/sbom.py` has the list of allowed licences and fails on any other.

* The packages are installed unchanged. None is copied into the repository.
* LGPL-3.0-only and MPL-2.0 ask for the source of *changes to the package itself*. The portal makes none.
* Tools for tests are not listed: no installation of the portal has them. `requirements/dev.txt` locks them.

`make licences` writes this page. `make sbom` writes the same list for machines, with versions and hashes.

| package | licence |
|---|---|
"""


def main(what: str) -> None:
    if what == "licences":
        PAGE.write_text(licences_page())
        return
    SBOM.parent.mkdir(exist_ok=True)
    text = json.dumps(build_sbom(), indent=2)
    if fault := find_fault(text):
        raise SystemExit(f"The SBOM does not fit the schema of CycloneDX 1.6: {fault}")
    SBOM.write_text(text + "\n")
    print(f"{SBOM.relative_to(TOP)}: {len(locked())} packages, CycloneDX 1.6.")


def locked() -> dict[str, str]:
    """The packages in the lock file, with their versions."""
    return dict(PACKAGE.findall(LOCK.read_text()))


def licence_of(package: str) -> str:
    """The licence as an SPDX expression. Raises ValueError if it is not known, or not allowed."""
    about = metadata.metadata(package)
    licence = READ.get(package) or about.get("License-Expression") or about.get("License") or ""
    # Of several that are offered, one that is allowed is enough.
    if not ALLOWED.intersection(licence.split(" OR ")):
        raise ValueError(f"{package}: the licence is not known or not allowed: {licence[:60]!r}")
    return str(licence)


def licences_page() -> str:
    return INTRODUCTION + "".join(f"| {name} | {licence_of(name)} |\n" for name in locked())


def build_sbom() -> dict[str, Any]:
    """Return the SBOM of the lock file, as `cyclonedx-py` makes it, with licences and with what each package needs."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "cyclonedx_py",
        "requirements",
        str(LOCK),
        "--output-reproducible",
    ]
    command += [
        "--pyproject",
        str(TOP / "pyproject.toml"),
        "--spec-version",
        "1.6",
        "--no-validate",
        "-o",
        "-",
    ]
    made: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    references = {part["name"]: part["bom-ref"] for part in made["components"]}
    for part in made["components"]:
        if metadata.version(part["name"]) != part["version"]:
            raise ValueError(f"{part['name']}: .venv has another version than {LOCK.name}")
        part["licenses"] = [{"expression": licence_of(part["name"])}]
        part["description"] = metadata.metadata(part["name"])["Summary"]
    references["starter-pass-portal"] = made["metadata"]["component"]["bom-ref"]
    made["dependencies"] = [
        {"ref": references[name], "dependsOn": sorted(references[need] for need in needs)}
        for name, needs in sorted(needed_packages().items())
    ]
    return made


def needed_packages() -> dict[str, set[str]]:
    """What each package needs directly, by the `via` notes of the lock file."""
    needs: dict[str, set[str]] = {name: set() for name in (*locked(), "starter-pass-portal")}
    for block in re.split(r"\n(?=\w)", LOCK.read_text()):
        name = block.partition("==")[0]
        for parent in re.findall(r"^\s+#\s+(?:via\s+)?([a-z0-9.-]+)(?: \(pyproject\.toml\))?$", block, re.M):
            if parent != "via":
                needs[parent].add(name)
    return needs


def find_fault(text: str) -> str:
    """What the schema does not allow in this SBOM, an empty text if nothing."""
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return str(fault)[:500] if fault else ""


if __name__ == "__main__":
    if sys.argv[1:] not in (["sbom"], ["licences"]):
        raise SystemExit("Usage: .venv/bin/python requirements/sbom.py sbom|licences")
    main(sys.argv[1])
