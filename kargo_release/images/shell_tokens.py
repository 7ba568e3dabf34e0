"""The tokens of a shell script.

Source: POSIX.1-2024, "Shell Command Language" (2.2 Quoting, 2.3 Token Recognition).
"""

import re

TOKEN = re.compile(
    r"""
    (?P<blank>[ \t\r]+)
  | (?P<comment>(?<![^\s;|&()])\#[^\n]*)
  | (?P<redirect>\d*(?:&>>?|>[>&|]?|<<<|<<-?|<[&>]?))
  | (?P<end>&&|\|[|&]?|;;?|[&()\n])
  | (?P<word>(?:\\.|'[^']*'|"(?:\\.|[^"\\])*+"|[^\s'"\\;|&()<>]|['"\\])++)
    """,
    re.VERBOSE | re.DOTALL,
)
"""One token; its group tells which kind. ``end`` parts one command from the next."""


def is_heredoc(redirect: str) -> bool:
    """Whether a token of redirection is that of a heredoc: ``<<`` or ``<<-``."""
    return redirect.lstrip("0123456789") in ("<<", "<<-")
