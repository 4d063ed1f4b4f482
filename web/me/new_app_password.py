"""`/me/app-passwords/new`: choosing a program, making an app password for it, and showing it this once.

The value stands in the answer to one POST and nowhere else: in no URL, no cookie, no log, and no cache.
"""

import secrets
from typing import Any, Final

from flask import Response, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import HiddenField, SelectMultipleField, StringField

from login.app_passwords import is_app_password
from models import Client
from oauth.policy import app_password_rules as rules_of
from oauth.policy.app_password_rules import AppPasswordRefused, AppPasswordWish, Mistake, takes_app_passwords
from web.me.account import Account, label_of
from web.me.own_app_passwords import MadeBefore, OwnAppPasswords
from web.pages import N_, PageForm, render_page, scope_words
from web.signin import current_session, has_signed_in_since, require_sign_in
from web.signin.desk import Active, current_event

ENDPOINT: Final = "me.new_app_password"
_FRESH_SECONDS: Final = 300
_USUAL_DAYS: Final = 90
_CHANGED: Final = N_("Your account or the request has changed in the meantime. Please look again.")
_MADE: Final = N_(
    "This form has made its app password already, and it is shown only once. If you did not copy it, end it, "
    "and make a new one."
)
# The sentences of the rules, as a page says them to the user.
_SENTENCES: Final = {
    rules_of.NO_ACCOUNT: N_("App passwords are not available here."),
    rules_of.NOT_FOR_CLIENT: N_("This program takes no app passwords."),
    rules_of.NOT_ALLOWED: N_("The rules of this server or of the program exclude you."),
    rules_of.CLOSED: N_("This program takes no new users."),
    rules_of.LABEL: N_("The label must have 1 to %(most)s printable characters, and be no app password."),
    rules_of.DAYS: N_("An app password can last for 1 to %(most)s days."),
    rules_of.NO_SCOPE: N_("Choose at least one permission."),
    rules_of.NOT_OF_CLIENT: N_("The program may not have the permission %(scope)s."),
    rules_of.NOT_OF_USER: N_("You may not have the permission %(scope)s."),
    rules_of.NOTHING_LEFT: N_("You may have none of the program's permissions."),
    rules_of.NETWORK: N_("%(network)s must be an address or a network, such as 192.0.2.7 or 192.0.2.0/24."),
    rules_of.OUTSIDE: N_("%(network)s is outside the networks that the program may be used from."),
    rules_of.MANY_NETWORKS: N_("An app password can have at most %(most)s networks."),
    rules_of.TOO_MANY: N_(
        "You have as many app passwords as one user can have. End one that you do not need."
    ),
    rules_of.TOO_MANY_IN_A_DAY: N_(
        "You made too many app passwords within a day. Please try again tomorrow."
    ),
}


class AppPasswordForm(PageForm):
    """What the user wishes, the session whose page it is, and what tells one form from the next."""

    seen = HiddenField()
    form_id = HiddenField()
    label = StringField(lazy_gettext("Label"))
    days = StringField(lazy_gettext("Days until it ends"))
    scope = SelectMultipleField(lazy_gettext("It may"), validate_choice=False)
    networks = StringField(lazy_gettext("Networks"))

    def wish(self) -> AppPasswordWish:
        """What the user typed. A number that cannot be read is none that the rules allow."""
        days = (self.days.data or "").strip()
        return AppPasswordWish(
            label=self.label.data or "",
            days=int(days) if days.isascii() and days.isdigit() and len(days) < 10 else 0,  # noqa: PLR2004
            scope=" ".join(self.scope.data or ()),
            networks=(self.networks.data or "").replace(",", " ").split(),
        )


def new_app_password(account: Account) -> Response:
    """Show the page, or make what the user typed there.

    Args:
        account: what the user has: programs and app passwords.

    Raises:
        DirectoryUnavailable: the directory cannot say whether the user may still sign in.
        StoreUnavailable: the database cannot say.
    """
    own = account.app_passwords
    if not own.rules.can_read:
        return _page_without_form(_(_SENTENCES[rules_of.NO_ACCOUNT]))
    program = request.args.get("program")
    client = own.find_client(program) if program else None
    wants_groups = client is not None and own.rules.want_groups(client)
    active = current_session(groups=wants_groups)
    here = url_for(ENDPOINT, program=client.client_id if client else None)
    if active is None:
        return require_sign_in(here)
    if not has_signed_in_since(active, _FRESH_SECONDS):
        return require_sign_in(here, again=active)
    if program is None:
        return _choice(account, active)
    try:
        own.rules.refuse_pair(client, active.person, int(own.clock()))
    except AppPasswordRefused as refused:
        return _choice(account, active, problem=_in_words(refused.mistakes[0]))
    if client is None:
        raise AssertionError("The rules refuse a client that does not exist.")
    return _form_page(account, active, client)


def _form_page(account: Account, active: Active, client: Client) -> Response:
    """The form of one program, or the app password that it has made."""
    own = account.app_passwords
    form, seen = AppPasswordForm(), label_of(active.stored)
    is_sent, was_seen = form.is_sent(), form.seen.data
    problem = None
    if is_sent and was_seen == seen:
        try:
            return _made(own, active, client, form)
        except AppPasswordRefused as refused:
            problem = _mark(form, refused)
        except MadeBefore:
            problem = _(_MADE)
    elif is_sent or (form.errors and was_seen and was_seen != seen):
        # Another user may have signed in in another tab. The token has changed then too.
        problem = _(_CHANGED)
    permitted = own.rules.permitted_scope(client, active.person)
    if request.method == "GET":
        form.days.data = str(min(_USUAL_DAYS, own.rules.max_days))
        form.scope.data = permitted.split()
    for field in (form.label, form.networks):
        if any(map(is_app_password, (field.data or "").split())):
            field.data = ""
    form.seen.data, form.form_id.data = seen, secrets.token_hex(16)
    status = 400 if request.method == "POST" else 200
    return render_page(
        "new_app_password.html",
        status,
        form=form,
        problem=problem,
        client=client,
        scopes=scope_words(permitted, account.descriptions()),
        max_days=own.rules.max_days,
    )


def _made(own: OwnAppPasswords, active: Active, client: Client, form: AppPasswordForm) -> Response:
    """Make the app password, and show it. This is the only answer that ever has its value."""
    new = own.make(
        active.stored,
        active.person,
        client,
        form.wish(),
        form=form.form_id.data or "",
        event=current_event(),
    )
    return render_page(
        "app_password_made.html",
        stored=new.stored,
        value=new.value,
        client=client,
        net_id=active.stored.net_id,
    )


def _choice(account: Account, active: Active, *, problem: str | None = None) -> Response:
    """The page that asks for which program. Others than the user's own are named by their id alone."""
    programs, own = [], account.app_passwords
    for program in account.programs(active.stored):
        client = own.find_client(program.client_id)
        if client is not None and takes_app_passwords(client, int(own.clock())):
            programs.append(client)
    return render_page(
        "choose_program.html", 400 if problem else 200, programs=programs, problem=problem, form=None
    )


def _page_without_form(problem: str) -> Response:
    return render_page("choose_program.html", 404, programs=[], problem=problem, form=None, is_off=True)


def _mark(form: AppPasswordForm, refused: AppPasswordRefused) -> str | None:
    """Put each mistake to its field, and return the one about the whole."""
    whole = None
    for mistake in refused.mistakes:
        words = _in_words(mistake)
        if mistake.field is None:
            whole = words
        else:
            field: Any = form[mistake.field]
            field.errors = [*field.errors, words]
    return whole


def _in_words(mistake: Mistake) -> str:
    return str(_(_SENTENCES[mistake.sentence], **mistake.values))
