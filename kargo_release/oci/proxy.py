"""Which proxy leads to a host, as the environment says.

Source: the variables of curl and of Go (golang.org/x/net ``http/httpproxy``), which Helm follows.
"""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import (  # type: ignore[attr-defined]  # absent from the stubs only
    proxy_bypass_environment,
)

from urllib3 import ProxyManager
from urllib3.exceptions import HTTPError
from urllib3.util import make_headers

from kargo_release.errors import UsageError
from kargo_release.oci.hosts import is_loopback
from kargo_release.oci.trust import trust


def proxied(
    target: str, environ: Mapping[str, str], pool: Mapping[str, Any]
) -> ProxyManager | None:
    """Return the way through the proxy to a host; None where the way leads there directly.

    ``HTTPS_PROXY`` or ``HTTP_PROXY``, by the scheme of the target, names the proxy; the same names
    in lower case come first. ``NO_PROXY`` exempts hosts, their subdomains and, for hosts that are
    addresses, networks as ``10.0.0.0/8``; this machine is always exempt.

    Args:
        target: ``scheme://host:port`` of what is to be reached.
        environ: The environment.
        pool: What urllib3 is to know of the connections.

    Raises:
        UsageError: The variable holds no address of a proxy.
    """
    parts = urlsplit(target)
    name = f"{parts.scheme}_proxy"
    name = name if environ.get(name) else name.upper()
    proxy = environ.get(name, "")
    if not proxy or _is_exempt(parts.hostname or "", parts.netloc, environ):
        return None
    try:
        return _manager(proxy if "://" in proxy else f"http://{proxy}", environ, pool)
    except (HTTPError, ValueError):
        raise UsageError(
            f"what {name} holds is not the address of a proxy",
            "Write it as http://HOST:PORT; user and password stand before HOST, what is special in "
            "them percent-encoded.",
        ) from None


def _manager(proxy: str, environ: Mapping[str, str], pool: Mapping[str, Any]) -> ProxyManager:
    parts = urlsplit(proxy)
    if not parts.hostname:
        raise ValueError
    login = unquote(parts.netloc.rpartition("@")[0])
    headers = make_headers(proxy_basic_auth=login) if login else None
    secure = trust(environ) if proxy.startswith("https:") else None
    return ProxyManager(proxy, proxy_headers=headers, proxy_ssl_context=secure, **pool)


def _is_exempt(host: str, netloc: str, environ: Mapping[str, str]) -> bool:
    exempt = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    if is_loopback(host) or proxy_bypass_environment(netloc, {"no": exempt}):
        return True
    return any(_holds(network.strip(), host) for network in exempt.split(",") if "/" in network)


def _holds(network: str, host: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
