"""Mails that commands print: what a user or an owner chose begins neither a header nor another mail."""

from email import message_from_string, policy

import pytest

from cli.password_grant.mail import message_text


@pytest.mark.parametrize("before", ["é", "ééééééé", "\U0001f600" * 4])
def test_no_line_of_a_mail_begins_another_one(before: str) -> None:
    """A long line is cut for quoted-printable (RFC 2045, 6.7). What follows the cut may say "From "."""
    for length in range(76):
        text = f'your app password "{before}{"a" * length}From x@y To: z@campus.example" has not been used.\n'
        mail = message_text("alice@campus.example", "A notice", text, in_mbox=True)
        assert [line for line in mail.splitlines() if line.startswith("From ")] == []
        read = message_from_string(mail, policy=policy.default)
        assert read.get_content().rstrip("\n") == text.rstrip("\n")
        assert read.keys().count("To") == 1


def test_text_that_begins_with_from_is_kept() -> None:
    """A program may have such a name."""
    mail = message_text("alice@campus.example", "A notice", "From here on\nall is well.\n", in_mbox=True)
    assert not any(line.startswith("From ") for line in mail.splitlines())
    assert message_from_string(mail, policy=policy.default).get_content().startswith("From here on\nall")


def test_single_mail_stays_readable() -> None:
    """A sheet is one mail, which an operator reads before it is sent."""
    text = "From 2027-06-30 00:00 UTC this server accepts no Net ID password.\n"
    assert text.rstrip("\n") in message_text("alice@campus.example", "A sheet", text).splitlines()
