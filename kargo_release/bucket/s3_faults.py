"""What S3's client raises where no answer of S3's came, told with what to do about it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kargo_release.bucket.s3_access import Names
from kargo_release.errors import FailedError, KargoError, RefusedError, UsageError, excerpt

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError
    from urllib3.exceptions import HTTPError

_CREDENTIALS = (
    RefusedError,
    "the credentials cannot be had: {words}",
    "Sign in, or set {access_key} and {secret_key}.",
)
_SETTINGS = (UsageError, "{words}", "Correct `s3`, the AWS_ variables or the files in ~/.aws.")
_UNREACHED = (
    FailedError,
    "cannot connect to {server}",
    "Check {endpoint} and that the server runs, then run it again.",
)

# What the client itself raises: names of classes in botocore.exceptions. The nearest ancestor
# that is named here tells.
_FAULTS: Mapping[str, tuple[type[KargoError], str, str]] = {
    "SSLError": (
        FailedError,
        "the certificate of {server} is not trusted",
        "Set AWS_CA_BUNDLE to the file of the authority that signed it.",
    ),
    "ProxyConnectionError": (
        FailedError,
        "the proxy {server} does not answer",
        "Correct HTTP_PROXY or HTTPS_PROXY, or name the server in NO_PROXY; then run it again.",
    ),
    "EndpointConnectionError": _UNREACHED,
    "ConnectTimeoutError": _UNREACHED,
    "ReadTimeoutError": (FailedError, "{server} did not answer in time", "Run it again."),
    "HTTPClientError": (FailedError, "{server} broke off the answer", "Run it again."),
    "IncompleteReadError": (FailedError, "{server} broke off the answer", "Run it again."),
    "NoCredentialsError": _CREDENTIALS,
    "PartialCredentialsError": _CREDENTIALS,
    "CredentialRetrievalError": _CREDENTIALS,
    "TokenRetrievalError": _CREDENTIALS,
    "NoAuthTokenError": _CREDENTIALS,
    "SSOError": _CREDENTIALS,
    "LoginError": _CREDENTIALS,
    "ProfileNotFound": _SETTINGS,
    "ConfigParseError": _SETTINGS,
    "ConfigNotFound": _SETTINGS,
    "ValidationError": _SETTINGS,
    "NoRegionError": _SETTINGS,
    "InvalidConfigError": _SETTINGS,
    "BotoCoreError": (FailedError, "the request failed: {words}", "Run it again."),
}


def raised(error: "BotoCoreError", place: str, names: Names) -> KargoError:
    """Return the error as a user is told it.

    Args:
        error: What the client raised without an answer of S3's.
        place: What it was about: ``s3://bucket/key``.
        names: How the user knows what has to be corrected.
    """
    ancestors = (ancestor.__name__ for ancestor in type(error).__mro__)
    kind, message, remedy = next(_FAULTS[name] for name in ancestors if name in _FAULTS)
    told = message.format(words=excerpt(str(error)), server=_server(error))
    return kind(f"{place}: {told}", remedy.format(**vars(names)))


def _server(error: "BotoCoreError") -> str:
    url = error.kwargs.get("proxy_url") or error.kwargs.get("endpoint_url") or ""
    # Without user and password, which a proxy's URL may hold.
    return urlsplit(str(url)).netloc.rpartition("@")[2] or "the server"


def broken_off(error: "HTTPError", place: str) -> FailedError:
    """Return the error for a connection that ended in the middle of an answer.

    Args:
        error: What the connection told.
        place: What was asked for: ``s3://bucket/key``.
    """
    late = "Timeout" in type(error).__name__
    how = "did not answer in time" if late else "broke off the answer"
    return FailedError(f"{place}: the server {how}", "Run it again.")
