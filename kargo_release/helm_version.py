"""Which Helm it is: its version, as it tells it itself."""

import sys

from kargo_release.errors import RefusedError, excerpt
from kargo_release.helm import Helm
from kargo_release.process import ProgramError, run

_TIME_LIMIT = 20.0  # seconds
# In a process of its own, for the library brings a runtime that ours must not have.
_ASK_SDK = "import helm_python; print(helm_python.helm_sdk_version())"


def version_of(helm: Helm) -> str:
    """Return the version of Helm, and whether it is the SDK or which program.

    Raises:
        RefusedError: It does not tell its version, within 20 seconds.
    """
    if helm.engine == "sdk":
        return f"{_said([sys.executable, '-P', '-c', _ASK_SDK])}, by the SDK"
    return f"{_said([helm.engine, 'version', '--short'])}, by the program {helm.engine}"


def _said(command: list[str]) -> str:
    try:
        return excerpt(run(command, timeout=_TIME_LIMIT).decode(errors="replace"))
    except ProgramError as error:
        raise RefusedError(
            f"Helm does not tell its version: {excerpt(error.message)}", "Install another Helm."
        ) from None
