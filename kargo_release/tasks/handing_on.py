"""Hands on to GitHub Actions what a command did, and tells it whatever becomes of that."""

from collections.abc import Mapping
from typing import Any

from kargo_release.actions import write_outputs, write_summary
from kargo_release.commandline import Reply
from kargo_release.console import Console, Painted
from kargo_release.errors import FailedError


def handed_on(
    reply: Reply, environ: Mapping[str, str], values: Mapping[str, Any], markdown: str = ""
) -> Reply:
    """Return the reply, handed on; with an error where the files of GitHub can't be written.

    Args:
        reply: What a command answers that has done its work.
        environ: Names GitHub's files.
        values: The outputs.
        markdown: The summary; empty for none.
    """
    try:
        write_outputs(values, environ)
        if markdown:
            write_summary(markdown, environ)
    except FailedError as error:
        _tell(error)
        document = {**reply.document, "error": reply.document.get("error") or error.document()}
        return Reply(reply.text, document, reply.exit_code or error.exit_code)
    return reply


def tell_summary(markdown: str, environ: Mapping[str, str]) -> None:
    """Write the summary of what was refused or failed; that it can't be written is told beside."""
    try:
        write_summary(markdown, environ)
    except FailedError as error:
        _tell(error)


def _tell(error: FailedError) -> None:
    Console().say(Painted("error: ", "bad"), str(error))
