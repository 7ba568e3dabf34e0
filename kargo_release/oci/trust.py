"""Which authorities a registry's certificate may come from."""

import ssl
from collections.abc import Mapping

from kargo_release.authorities import BUNDLES, SYSTEM_BUNDLE, load


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
        load(context, named, SYSTEM_BUNDLE)
    variable = next((name for name in BUNDLES if environ.get(name)), "")
    if variable:
        load(context, environ[variable], variable)
    else:
        _load_those_of_requests(context)
    return context


def _load_those_of_requests(context: ssl.SSLContext) -> None:
    # It takes as long to load as the session's own module, and only https needs it.
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
