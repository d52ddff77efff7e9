"""What the portal runs on is listed with licences, and each file that CI downloads has a hash or a signature."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings

TOP = Path(settings.BASE_DIR)
LOCKS = [TOP / "requirements/run.txt", TOP / "requirements/dev.txt"]
NPM_LOCKS = sorted((TOP / "requirements").glob("*/package-lock.json"))
# Everything that CI and `make` run from this repository, where it could download something.
SCRIPTS = [
    TOP / ".ci/run",
    TOP / "Makefile",
    *(path for path in sorted((TOP / "requirements").glob("*")) if path.is_file()),
]
DOWNLOADS = re.compile(
    r"apt-get|apt |curl|wget|git clone|urlopen|urlretrieve|npm|npx|pip|playwright install|docker|ensurepip|uv "
)
# How each of them may download, and what checks the file. Another way is a line to add here.
CHECKED = {
    '"${as_root[@]}" apt-get update -qq': "apt checks the signature of Debian's list, which has the hash of each package",
    'DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install': "as above",
    'NPM = ("npm", "ci", "--ignore-scripts"': "`integrity` in package-lock.json",
    '"-m", "pip", "install", "-qq", "--disable-pip-version-check"]': "used with the options of the next line",
    '[*pip, "--require-hashes", "--no-deps", "-r", str(chosen)]': "the hashes in the lock file",
    "uv pip compile --quiet --universal --python-version 3.11 --generate-hashes": "writes the lock; CI does not run it",
}


@pytest.fixture(scope="module")
def sbom() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sbom", TOP / "requirements/sbom.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def packages_of(lock: Path) -> dict[str, str]:
    """Each package of a pip lock, with its lines."""
    return {block.split("==")[0]: block for block in re.split(r"\n(?=\w)", lock.read_text().strip())}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_each_locked_package_has_one_version_and_a_hash(lock):
    without = {
        name
        for name, block in packages_of(lock).items()
        if not re.match(r"[a-z0-9.-]+==[\w.]+( ;[^\n]*)? \\\n +--hash=sha256:[0-9a-f]{64}\b", block)
    }

    assert len(packages_of(lock)) > 25
    assert without == set()


@pytest.mark.parametrize("lock", NPM_LOCKS, ids=lambda path: path.parent.name)
def test_each_npm_package_has_a_hash(lock):
    packages = {name: about for name, about in json.loads(lock.read_text())["packages"].items() if name}

    assert packages
    assert [name for name, about in packages.items() if not about["integrity"].startswith("sha512-")] == []


def test_nothing_is_downloaded_in_another_way():
    commands = {
        line.strip()
        for path in SCRIPTS
        if path.suffix not in {".txt", ".json"}
        for line in path.read_text().splitlines()
        if DOWNLOADS.search(line) and is_a_command(line)
    }
    unchecked = {line for line in commands if not any(known in line for known in CHECKED)}

    assert unchecked == set()
    written = "".join(path.read_text() for path in SCRIPTS)
    assert [known for known in CHECKED if known not in written] == []


def is_a_command(line: str) -> bool:
    """Whether the line does something with the tool, and does not only say or look for something."""
    quiet = line.strip().startswith(("#", "say ", "command -v", "print(", '"The', '"python3 cannot', "`"))
    names_no_action = not re.search(r"\b(ci|install|update|compile|clone|curl|wget|npx|get|pull)\b", line)
    return not quiet and not names_no_action and " echo " not in line


def test_the_sbom_fits_its_schema_and_lists_the_whole_lock(sbom):
    made = sbom.build_sbom()

    listed = {part["name"]: part for part in made["components"]}
    assert set(listed) == set(packages_of(LOCKS[0])) and len(listed) > 25
    for name, block in packages_of(LOCKS[0]).items():
        hashes = {one["content"] for where in listed[name]["externalReferences"] for one in where["hashes"]}
        assert hashes == set(re.findall(r"sha256:([0-9a-f]{64})", block)), name
        assert listed[name]["licenses"][0]["expression"] and listed[name]["version"] in block
    needed = {reference for row in made["dependencies"] for reference in row["dependsOn"]}
    assert {part["bom-ref"] for part in listed.values()} <= needed  # each is there for a reason
    assert sbom.find_fault(json.dumps(made)) == ""
    assert (
        sbom.find_fault(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": "one"})) != ""
    )


def test_the_page_lists_each_package_with_an_allowed_licence(sbom, monkeypatch):
    page = sbom.PAGE.read_text()

    assert page == sbom.licences_page(), "run `make licences`"
    assert set(re.findall(r"^\| ([a-z0-9.-]+) \|", page, re.M)) - {"package"} == set(packages_of(LOCKS[0]))
    monkeypatch.setitem(sbom.READ, "django", "AGPL-3.0-only")
    with pytest.raises(ValueError, match="django: the licence is not known or not allowed"):
        sbom.licences_page()


def test_no_sbom_is_kept_in_the_repository():
    """`make sbom` makes it from the lock. A copy would be a second owner, and grow old."""
    command = ["git", "ls-files"]
    listed = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True).stdout
    kept = [name for name in listed.splitlines() if re.search(r"sbom.*\.(json|xml)$|\bbom\.", name)]

    assert kept == []
    assert (TOP / ".gitignore").read_text().splitlines().count("var/") == 1
