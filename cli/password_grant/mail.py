"""A sheet as a mail: header fields and text, which `sendmail -t` or a mail program takes (RFC 5322).

Owns: the form of the message. From and Date are added by what sends it (RFC 6409, 8). Must not know: what the
sheet says.
"""

import re
from email.message import EmailMessage
from email.policy import SMTP

# One address, alone or behind a name. Nothing else belongs into To.
_ADDRESS = re.compile(r"(?:[^<>@,;:\"\\()\[\]]*<)?([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+)>?")
# Such a line begins the next message of an mbox (RFC 4155, appendix A).
_NEXT_MESSAGE = re.compile(r"^From ", re.MULTILINE)
_POLICY = SMTP.clone(linesep="\n")


def message_text(owner: str, subject: str, text: str, *, in_mbox: bool = False) -> str:
    """Write the mail. Without an address of the owner, it has no field To.

    Args:
        owner: as registered; it may be an address, a name, or both.
        subject: one line.
        text: the body.
        in_mbox: whether other mails follow in the same file, so that no line may begin with "From ".
    """
    message = EmailMessage(policy=_POLICY)
    if (address := address_of(owner)) is not None:
        message["To"] = address
    message["Subject"] = " ".join(subject.split())
    message.set_content(text, charset="utf-8", cte="7bit" if text.isascii() else "quoted-printable")
    if in_mbox and _NEXT_MESSAGE.search(message.as_string()):
        # A label or a name chose where a line breaks.
        message.set_content(text, charset="utf-8", cte="base64")
    return message.as_string().rstrip("\n")


def address_of(owner: str) -> str | None:
    """The mail address in an owner's name, None if there is none or several."""
    found = _ADDRESS.fullmatch(owner.strip())
    return found[1] if found else None
