"""Asks for tokens before a registry that asks for none, and lets them expire when a test says."""

import json
import threading
from dataclasses import dataclass, field

from fault_cases import Step
from forwarding import Answer, Broken, Forward, Request

TOKEN = "s3cret-token-of-the-registry"
_PATH = "/token"


@dataclass
class TokenGuard:
    """Gives tokens to whoever asks; the one given last expires when the step meets a request."""

    step: Step
    _number: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request, forward: Forward) -> Answer | Broken:
        if request.path.startswith(_PATH):
            body = json.dumps({"token": self._token, "expires_in": 300}).encode()
            return Answer(200, (("Content-Length", str(len(body))),), body)
        headers = dict(request.headers)
        if headers.get("Authorization") != f"Bearer {self._token}":
            return self._challenge(headers["Host"])
        before = self.step.met
        answer = self.step(request, forward)
        if self.step.met == before:
            return answer
        with self._lock:
            self._number += 1
        return self._challenge(headers["Host"])

    @property
    def _token(self) -> str:
        return f"{TOKEN}-{self._number}"

    def _challenge(self, host: str) -> Answer:
        realm = f'Bearer realm="http://{host}{_PATH}",service="registry"'
        return Answer(401, (("WWW-Authenticate", realm), ("Content-Length", "0")))
