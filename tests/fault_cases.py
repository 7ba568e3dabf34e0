"""Which fault meets which request of a release: the cases of the table in docs/faults.md."""

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import faults
from faults import Fault
from forwarding import Answer, Broken, End, Forward, Request

ADDRESSES = {
    "Its name is unknown": faults.unknown,
    "It refuses connections": faults.refusing,
    "It leaves connections unanswered": faults.hanging,
}
"""Faults of an address, which no request gets past."""


@dataclass(frozen=True)
class Moment:
    """Requests of one kind: the method and a part of the address, from the nth one on.

    ``after`` is a request that must have come before, ``until`` one that ends the moment; ``begun``
    a release of which the archive is out already at one destination, with other bytes of the same
    content.
    """

    method: str
    path: str
    nth: int = 1
    after: tuple[str, str] | None = None
    until: tuple[str, str] | None = None
    begun: bool = False


_REGISTRY = {
    "asking": Moment("GET", "/manifests/", until=("PUT", "")),
    "beginning an upload": Moment("POST", "/blobs/uploads/"),
    "sending a blob": Moment("PUT", "/blobs/uploads/"),
    "sending the manifest": Moment("PUT", "/manifests/"),
    "reading back": Moment("GET", "/manifests/", after=("PUT", "/manifests/")),
}
_COPIED_FROM_REGISTRY = {"copying what is out": Moment("GET", "/blobs/", begun=True)}
_BACKUP = {
    "reading the index": Moment("GET", "/index.yaml", until=("PUT", "/index.yaml")),
    "asking": Moment("GET", r"\.tgz", until=("PUT", "")),
    "trying conditions": Moment("PUT", "-probe"),
    "storing the archive": Moment("PUT", r"\.tgz"),
    "writing the index": Moment("PUT", "/index.yaml"),
    "reading back": Moment("GET|HEAD", r"/index.yaml|\.tgz", after=("PUT", "/index.yaml")),
}
_COPIED_FROM_BACKUP = {
    "copying what is out": Moment("GET", r"\.tgz", nth=2, begun=True),
}
_PUSH = "/git-receive-pack"
_GIT = {
    "reading": Moment("GET", "/info/refs", until=("POST", _PUSH)),
    "claiming": Moment("POST", _PUSH),
    "reading back": Moment("GET", "git-upload-pack", after=("POST", _PUSH)),
    "tagging": Moment("POST", _PUSH, nth=2),
    "ending the claim": Moment("POST", _PUSH, nth=3),
}
MOMENTS: Mapping[str, Mapping[str, Moment]] = {
    "registry": {**_REGISTRY, **_COPIED_FROM_REGISTRY},
    "backup": {**_BACKUP, **_COPIED_FROM_BACKUP},
    "git": _GIT,
}
_USUAL = {"registry": _REGISTRY, "backup": _BACKUP, "git": _GIT}


@dataclass(frozen=True)
class Shown:
    """A fault, and how often it is shown; None is for ever."""

    fault: Fault
    times: int | None = None


def _json(status: int, code: str, message: str) -> Fault:
    body = f'{{"errors":[{{"code":"{code}","message":"{message}"}}]}}'.encode()
    return faults.told(status, body, ("Content-Type", "application/json"))


def _xml(status: int, code: str, message: str) -> Fault:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    return faults.told(status, body, ("Content-Type", "application/xml"))


_CONNECTION = {
    "It resets the connection once": Shown(faults.unheard(End.RESET), 1),
    "It resets every connection": Shown(faults.unheard(End.RESET)),
    "It does it, and resets the connection in the middle of the answer, once": Shown(
        faults.cut(End.RESET), 1
    ),
    "It does it, and resets every connection in the middle of the answer": Shown(
        faults.cut(End.RESET)
    ),
    "It does it, and its answer is truncated once": Shown(faults.cut(End.CLOSED), 1),
    "It does it, and every answer is truncated": Shown(faults.cut(End.CLOSED)),
    "It never answers": Shown(faults.unheard(End.SILENT)),
    "It does it, and stops in the middle of every answer": Shown(faults.cut(End.SILENT)),
}
_ANSWERS = {
    "404": Shown(faults.page(404)),
    "408 once": Shown(faults.page(408), 1),
    "408 for ever": Shown(faults.page(408)),
    "413, a page of a proxy": Shown(faults.page(413)),
    "429 once, `Retry-After` in seconds": Shown(faults.busy_for(1), 1),
    "429 once, `Retry-After` as a date": Shown(faults.busy_until(2), 1),
    "429 for ever": Shown(faults.page(429)),
    "500 once": Shown(faults.page(500), 1),
    "500 for ever": Shown(faults.page(500)),
    "502 for ever": Shown(faults.page(502)),
    "503 once": Shown(faults.page(503), 1),
    "503 for ever": Shown(faults.page(503)),
    "504 for ever": Shown(faults.page(504)),
    "200 with a page for people": Shown(faults.html),
    "An answer longer than it says": Shown(faults.surplus),
}
EXPIRED = "The token expires"
_OWN = {
    "registry": {
        "401 without a challenge": Shown(_json(401, "UNAUTHORIZED", "authentication required")),
        "403": Shown(_json(403, "DENIED", "requested access to the resource is denied")),
        EXPIRED: Shown(faults.unheard(End.CLOSED), 1),
    },
    "backup": {
        "401 without a challenge": Shown(faults.page(401)),
        "403": Shown(_xml(403, "AccessDenied", "Access Denied")),
        EXPIRED: Shown(_xml(400, "ExpiredToken", "The provided token has expired.")),
        "This machine's clock is wrong": Shown(
            _xml(403, "RequestTimeTooSkewed", "The difference is too large.")
        ),
    },
    "git": {
        "401 without a challenge": Shown(faults.page(401)),
        "403": Shown(faults.page(403)),
        EXPIRED: Shown(faults.page(401, ("WWW-Authenticate", 'Basic realm="git"'))),
    },
}
_DRIPS = "The second half of every answer comes byte by byte, one now and then"
# Faults that only some answers can show, by destination.
_SOME = {
    "registry": {
        ("It tells another digest than that of the manifest", "sending the manifest"): Shown(
            faults.other_digest
        ),
        ("Other bytes come than were stored", "copying what is out"): Shown(faults.altered),
        ("Other bytes come than were stored", "reading back"): Shown(faults.altered),
        (_DRIPS, "reading back"): Shown(faults.cut(End.DRIPPING)),
        (_DRIPS, "copying what is out"): Shown(faults.cut(End.DRIPPING)),
        ("An answer without end", "reading back"): Shown(faults.flood),
        ("An answer without end", "copying what is out"): Shown(faults.flood),
    },
    "backup": {
        ("Other bytes come than were stored", "copying what is out"): Shown(faults.altered),
        ("Other bytes come than were stored", "reading back"): Shown(faults.altered),
        (_DRIPS, "reading back"): Shown(faults.cut(End.DRIPPING)),
        (_DRIPS, "copying what is out"): Shown(faults.cut(End.DRIPPING)),
        ("An answer without end", "reading back"): Shown(faults.flood),
        ("An answer without end", "copying what is out"): Shown(faults.flood),
    },
    "git": {},
}
# One request that reads and one that writes. Faults that a connection or a right can show at any
# time are shown at every kind of request, the others at these.
_READ_AND_WRITE = {
    "registry": ("asking", "sending the manifest"),
    "backup": ("reading the index", "writing the index"),
    "git": ("reading", "tagging"),
}
_EVERYWHERE = frozenset(
    {
        "It resets the connection once",
        "It resets every connection",
        "It does it, and resets every connection in the middle of the answer",
        "It does it, and stops in the middle of every answer",
        "403",
        EXPIRED,
        "500 for ever",
        "503 once",
        "200 with a page for people",
    }
)


@dataclass(frozen=True)
class Case:
    """A fault at a destination, at a moment; of an address there is none."""

    destination: str
    fault: str
    moment: str = ""

    @property
    def shown(self) -> Shown:
        """What is shown."""
        own = _SOME[self.destination].get((self.fault, self.moment))
        return own or _faults_of(self.destination)[self.fault]

    @property
    def is_silent(self) -> bool:
        """Whether it is told by a time limit alone."""
        words = ("unanswered", "never", "stops", "byte by byte")
        return any(word in self.fault for word in words)

    @property
    def is_quick(self) -> bool:
        """Whether it belongs to those that are always tried."""
        writes = _READ_AND_WRITE[self.destination][1]
        return not self.moment or (self.fault in _EVERYWHERE and self.moment == writes)


_IMPOSSIBLE = frozenset({Case("registry", EXPIRED, "asking")})  # the first request has no token


def _faults_of(destination: str) -> Mapping[str, Shown]:
    return {**_CONNECTION, **_OWN[destination], **_ANSWERS}


def moments_of(destination: str) -> list[str]:
    """Return the moments of every release."""
    return list(_USUAL[destination])


def every_case() -> Iterator[Case]:
    """Yield all cases in the order of the table."""
    for destination, moments in _USUAL.items():
        yield from (Case(destination, fault) for fault in ADDRESSES)
        for fault in _faults_of(destination):
            some = moments if fault in _EVERYWHERE else _READ_AND_WRITE[destination]
            cases = (Case(destination, fault, moment) for moment in some)
            yield from (case for case in cases if case not in _IMPOSSIBLE)
        yield from (Case(destination, fault, moment) for fault, moment in _SOME[destination])


@dataclass
class Step:
    """Shows a fault to the requests of a moment, and counts how often it did."""

    moment: Moment
    shown: Shown
    met: int = 0
    _seen: int = 0
    _is_time: bool = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._is_time = self.moment.after is None

    def __call__(self, request: Request, forward: Forward) -> Answer | Broken:
        return self.shown.fault(request, forward) if self._is_met(request) else forward()

    def _is_met(self, request: Request) -> bool:
        with self._lock:
            is_time = self._is_time
            if _is(request, self.moment.after) or _is(request, self.moment.until):
                self._is_time = not _is(request, self.moment.until)
            if not is_time or not _is(request, (self.moment.method, self.moment.path)):
                return False
            self._seen += 1
            if self._seen < self.moment.nth or self.met == self.shown.times:
                return False
            self.met += 1
            return True


def _is(request: Request, kind: tuple[str, str] | None) -> bool:
    if kind is None:
        return False
    method, path = kind
    return bool(re.fullmatch(method, request.method) and re.search(path, request.path))
