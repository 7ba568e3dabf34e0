"""The variables that name authorities of certificates, and the reading of what they name.

Sources: OpenSSL ``X509_get_default_cert_file_env`` for ``SSL_CERT_FILE``; requests
``Session.merge_environment_settings`` for ``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE``.
"""

import ssl
from pathlib import Path

from kargo_release.errors import UsageError

SYSTEM_BUNDLE = "SSL_CERT_FILE"
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def load(context: ssl.SSLContext, named: str, variable: str) -> None:
    """Let a context trust authorities: of a file, or of a folder as OpenSSL makes it.

    Args:
        context: What is to trust them.
        named: The path.
        variable: Which variable names it.

    Raises:
        UsageError: It cannot be read.
    """
    is_folder = Path(named).is_dir()
    try:
        context.load_verify_locations(None if is_folder else named, named if is_folder else None)
    except OSError:
        raise UsageError(
            f"the authorities that {variable} names cannot be read: {named}", "Correct the path."
        ) from None
