"""A request to a registry, and its answer."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kargo_release.oci.artifact import Content

_NEXT = re.compile(r'<([^<>]*)>\s*;[^,<]*\brel="?next\b')


@dataclass(frozen=True)
class Call:
    """A request.

    Args:
        method: The HTTP method.
        url: Where to.
        headers: Sent besides those that every request has.
        data: The body; it is read anew for each time that the request is sent.
        authorization: The ``Authorization`` header; empty for none.
        audience: The origin that may see the authorization, wherever ``url`` and redirects lead.
        limit: The longest body of an answer that is read, in bytes.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    data: Content | None = field(default=None, repr=False)
    authorization: str = field(default="", repr=False)
    audience: str = ""
    limit: int = 4 << 20

    def authorized(self, authorization: str, audience: str) -> "Call":
        """Return the same request with an ``Authorization`` header for ``audience``."""
        return replace(self, authorization=authorization, audience=audience)


@dataclass(frozen=True)
class Answer:
    """An answer with its whole body; the attributes are named as oras expects them.

    Args:
        url: Where it came from, after redirects.
        status_code: The HTTP status.
        reason: The status in the server's words.
        headers: The headers, their names in any case.
        content: The body.
    """

    url: str
    status_code: int
    reason: str
    headers: Mapping[str, str]
    content: bytes = field(repr=False)

    def json(self) -> Any:
        """Return the body as JSON; raises ValueError or RecursionError where it is none."""
        return json.loads(self.content)

    def next_link(self) -> str:
        """Return the address of the next page (RFC 8288), or an empty text."""
        found = _NEXT.search(self.headers.get("Link", ""))
        return found[1] if found else ""
