"""How secrets look: names of variables, and forms of values.

Sources: of the names, moby/buildkit ``SecretsUsedInArgOrEnv``; of the forms, what their makers
document (AWS "Unique identifiers", GitHub "About authentication to GitHub", GitLab "Token
overview", npm "About access tokens", Slack "Token types", Stripe "API keys", RFC 7468, RFC 7519).
"""

import re

_NAME = re.compile(
    r"(?:^|_)(?:(?:pg)?passwords?|passwd|pword|passphrase|secrets?|tokens?|credentials?|apikey"
    r"|(?:api|access|secret|private|auth|signing|encryption|master|account|shared|session|jwt)_?key"
    r"|(?:secret|access)_?key_?id)(?:_|$)|_(?:pass|pwd)$"
)
_KEY = re.compile(r".*_key")
# What stands beside a secret, or says where it is, and keys that all may know or that sort things.
_BESIDE = re.compile(
    r".*_(?:file|path|dir|url|uri|host|port|name|header|type|algorithm|length|size|ttl|timeout"
    r"|expir\w*|expires_in|max_age|enabled|issuer|audience|limit|count|policy"
    r"|prefix|suffix|provider|version|format|mode|strength|pattern)|(?:max|min|num)_(?:.*_)?tokens?|.*(?:^|_)public(?:_|$).*"
)
_HARMLESS_KEY = re.compile(
    r"(?:.*_)?(?:gpg|pgp|public|sort|primary|foreign|partition|cache|index|routing|group|object"
    r"|host|idempotency|site|map|hash)_key"
)
_HARMLESS_VALUE = re.compile(
    r"|true|false|yes|no|on|off|none|null|\d{1,5}|/[\w./-]*",
    re.IGNORECASE,
)
_WORD = re.compile(r"[\w-]*")
_STAND_INS = ("dummy", "placeholder")
_RANDOM = re.compile(r"(?=[^\s]*\d)(?=[^\s]*[A-Za-z])[A-Za-z0-9+/=_.-]{16,}")
_REFERENCE = re.compile(r"\$\{?[A-Za-z_]\w*\}?", re.ASCII)

_FORMS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    "a token of GitHub": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22})"),
    "a token of GitLab": re.compile(r"\bglpat-[\w-]{20}"),
    "a token of npm": re.compile(r"\bnpm_[A-Za-z0-9]{36}"),
    "a token of PyPI": re.compile(r"\bpypi-AgE[\w-]{50}"),
    "a token of Docker Hub": re.compile(r"\bdckr_pat_[\w-]{27}"),
    "a token of Slack": re.compile(r"\bxox[abeoprs]-[\w-]{10}"),
    "a webhook of Slack": re.compile(r"\bhooks\.slack\.com/services/\w+/\w+"),
    "a key of Stripe": re.compile(r"\b[rs]k_live_\w{20}"),
    "a key of Google": re.compile(r"\bAIza[\w-]{35}"),
    "a JSON web token": re.compile(r"\beyJ[\w-]{10,2000}\.eyJ[\w-]{10,2000}\.[\w-]+"),
    "a URL with a password": re.compile(r"://[^\s/:@]{0,200}:(?![$<{*]|x{3})[^\s/@$,]{1,200}@"),
}


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name holds a secret, or may hold one."""
    plain = _underscored(name)
    if _BESIDE.fullmatch(plain) or _HARMLESS_KEY.fullmatch(plain):
        return False
    return bool(_NAME.search(plain) or _KEY.fullmatch(plain))


def may_be_secret(name: str, value: str | None) -> bool:
    """Whether the value of a variable with a secret's name can be one.

    Args:
        name: The variable's.
        value: As it stands; None for an ARG that only asks.
    """
    if value is None:
        return True
    bare = value.strip().strip("\"'")
    if _HARMLESS_VALUE.fullmatch(bare) or _stands_in(bare):
        return False
    is_surely_named = bool(_NAME.search(_underscored(name)))
    return is_surely_named or bool(_RANDOM.fullmatch(bare) or _REFERENCE.fullmatch(bare))


def _stands_in(value: str) -> bool:
    return bool(_WORD.fullmatch(value)) and any(each in value.lower() for each in _STAND_INS)


def kind_of_secret(value: str) -> str:
    """Return what a value looks like; empty for nothing known."""
    return next((kind for kind, form in _FORMS.items() if form.search(value)), "")


def _underscored(name: str) -> str:
    """Return the name in small letters, ``apiKey`` as ``api_key``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:200]).replace("-", "_").lower()
