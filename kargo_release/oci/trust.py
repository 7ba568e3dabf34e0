"""Which authorities a registry's certificate may come from.

Sources: OpenSSL ``X509_get_default_cert_file_env`` for ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``;
requests ``Session.merge_environment_settings`` for ``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE``.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path

from kargo_release.errors import UsageError

SYSTEM_BUNDLE = "SSL_CERT_FILE"
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities, and others that are named.

    ``SSL_CERT_FILE`` stands for the system's authorities. Besides them are trusted those that
    ``REQUESTS_CA_BUNDLE`` names or, without it, ``CURL_CA_BUNDLE``: a file, or a folder as OpenSSL
    makes it; without either, those that come with requests.

    Raises:
        UsageError: A variable names what cannot be read.
    """
    context = ssl.create_default_context()
    # OpenSSL passes in silence over a file that it cannot read.
    if named := environ.get(SYSTEM_BUNDLE):
        _load(context, named, SYSTEM_BUNDLE)
    variable = next((name for name in BUNDLES if environ.get(name)), "")
    if variable:
        _load(context, environ[variable], variable)
    else:
        _load_those_of_requests(context)
    return context


def _load(context: ssl.SSLContext, named: str, variable: str) -> None:
    is_folder = Path(named).is_dir()
    try:
        context.load_verify_locations(None if is_folder else named, named if is_folder else None)
    except OSError:
        raise UsageError(
            f"the authorities that {variable} names cannot be read: {named}", "Correct the path."
        ) from None


def _load_those_of_requests(context: ssl.SSLContext) -> None:
    # It takes as long to load as the session's own module, and only https needs it.
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
