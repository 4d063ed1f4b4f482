"""The page `/device`: enter a code, see whose it is, allow or deny (RFC 8628, 3.3).

Each answer is to a form that holds the code, so two tabs, the back button and a second click do no harm. An
address with a code in it (`verification_uri_complete`) only fills in the field: looking it up, and each
decision, takes a form of ours.
"""

import hashlib

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import HiddenField, StringField

from oauth import (
    DeviceState,
    DeviceUser,
    DeviceVerification,
    NotPermitted,
    TooManyGuesses,
    TypedCode,
    UnknownUserCode,
    read_user_code,
    shown_user_code,
)
from web.device.kept_code import forget_code, keep_code, kept_code
from web.pages import N_, PageForm, error_page, guard_forms, render_page, scope_words, shows_form_again
from web.signin.desk import current_desk, current_facts
from web.signin.session_cookie import current_session, require_sign_in

_TOO_MANY = N_("There were too many wrong codes. Please wait a quarter of an hour, and try again.")
_NOT_PERMITTED = N_("You may not use this program with your account.")
_CHANGED = N_("Your account or the request has changed in the meantime. Please look again.")
_UNKNOWN = N_("No device shows this code now. Check each letter, or start again at the device.")
_EXPIRED = N_("This code has expired. Start again at the device.")
_USED = N_("This code was used before. Start again at the device.")
_ALLOW, _DENY = "allow", "deny"


class CodeForm(PageForm):
    """The field for a device's code, and what the user saw when deciding: both are hidden then."""

    user_code = StringField(lazy_gettext("Code"))
    seen = HiddenField()


def device_page(verification: DeviceVerification) -> Blueprint:
    """Make `/device`.

    Args:
        verification: finds codes, and takes decisions.
    """
    pages = Blueprint("device", __name__)
    guard_forms(pages)

    @pages.route("/device", methods=["GET", "POST"])
    @shows_form_again
    def page() -> Response:
        """The field for a code, the question about it, or the result."""
        active = current_session()
        if active is None:
            return _sign_in_first()
        form = CodeForm()
        if request.method != "POST":
            form.user_code.data = _shown(request.args.get("user_code", "")) or kept_code()
            return forget_code(_field(form))
        if not form.is_sent():
            return _field(form, status=400)
        return _Turn(verification, form, DeviceUser(active.stored, active.person, current_facts())).answer()

    return pages


class _Turn:
    """One form that a signed-in user has sent."""

    def __init__(self, verification: DeviceVerification, form: CodeForm, user: DeviceUser) -> None:
        self._verification = verification
        self._form = form
        self._user = user

    def answer(self) -> Response:
        """The question about the code, or what became of it."""
        try:
            found = self._verification.find(self._form.user_code.data or "", self._user)
        except UnknownUserCode:
            return self._wrong(_(_UNKNOWN))
        except TooManyGuesses as refusal:
            return error_page(_TOO_MANY, 429, headers=[("Retry-After", str(refusal.retry_after))])
        if found.state is not DeviceState.PENDING:
            return self._result(found)
        if request.form.get("decision") == _DENY:
            self._verification.deny(found, self._user)
            return self._result(self._verification.find(found.user_code, self._user))
        return self._ask_or_allow(found)

    def _ask_or_allow(self, found: TypedCode) -> Response:
        if self._verification.wants_groups(found):
            active = current_session(groups=True)
            if active is None:
                return _sign_in_first()
            self._user = DeviceUser(active.stored, active.person, self._user.facts)
        try:
            scope = self._verification.permitted(found, self._user)
        except NotPermitted:
            return error_page(_NOT_PERMITTED, 403, error="access_denied")
        if request.form.get("decision") != _ALLOW:
            return self._question(found, scope)
        if self._form.seen.data != self._seen(found, scope):
            # Another user may have signed in in another tab, or a rule may have changed.
            return self._question(found, scope, problem=_(_CHANGED))
        self._verification.allow(found, self._user, scope)
        return self._result(self._verification.find(found.user_code, self._user))

    def _seen(self, found: TypedCode, scope: str) -> str:
        """Stands for what the question shows, so that nothing else is allowed by its answer."""
        shown = (self._user.session.id.hex(), found.user_code, found.client.client_id, scope)
        return hashlib.sha256("\0".join(("device", *shown)).encode()).hexdigest()[:32]

    def _question(self, found: TypedCode, scope: str, *, problem: str | None = None) -> Response:
        return render_page(
            "device_confirm.html",
            400 if problem else 200,
            form=self._form,
            problem=problem,
            seen=self._seen(found, scope),
            client_name=found.client.client_name,
            user_code=found.user_code,
            device_address=found.device.address,
            is_same_address=found.device.address == self._user.facts.address,
            requested_at=found.device.created_at,
            person=self._user.person,
            words=scope_words(scope, current_desk().scope_descriptions()),
        )

    def _result(self, found: TypedCode) -> Response:
        """What became of a code that is not pending any more."""
        if found.state is DeviceState.EXPIRED:
            return self._wrong(_(_EXPIRED))
        approval = found.device.approval
        if approval is not None and approval.session_id != self._user.session.id:
            return self._wrong(_(_USED))
        return render_page("device_done.html", is_allowed=approval is not None)

    def _wrong(self, sentence: str) -> Response:
        self._form.user_code.errors = [sentence]
        return _field(self._form, status=400)


def _field(form: CodeForm, *, status: int = 200) -> Response:
    return render_page("device.html", status, form=form)


def _sign_in_first() -> Response:
    typed = request.form.get("user_code") or request.args.get("user_code", "")
    return keep_code(require_sign_in(url_for("device.page")), typed)


def _shown(typed: str) -> str:
    code = read_user_code(typed)
    return "" if code is None else shown_user_code(code)
