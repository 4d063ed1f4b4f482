"""Checks a directory step by step, and names the setting to change where a step fails.

Owns: the checks of each server, and of our own account on it. Must not know: how findings are printed.
"""

import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from ldap3 import NONE, Server

from core.private_files import NotPrivate, read_secret
from directory.contract import DirectoryUnavailable
from directory.ldap.config import LdapConfig
from directory.ldap.connections.connection import NO_ATTRIBUTES, LdapConnection
from directory.ldap.connections.connector import start_tls
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.dial import dial, resolve
from directory.ldap.connections.sockets import DeadlineSocket
from directory.ldap.connections.tls import secure, verified_context
from directory.ldap.connections.uri import ServerUri
from directory.ldap.diagnostics.person_check import examine_person
from directory.ldap.diagnostics.port_check import PortCheck
from directory.ldap.diagnostics.report import Finding, StepResult, Steps, StepStatus
from directory.ldap.embedded import Embedded
from directory.ldap.factory import user_base
from directory.ldap.protocol import password_policy
from directory.ldap.protocol.entry import Answer, Entry
from directory.ldap.protocol.results import judge_group_search, judge_search, judge_service_bind

_SECONDS_PER_DAY = 86_400
_WARNING_DAYS = 30
_ROOT_DSE_ATTRIBUTES = (
    "vendorName",
    "vendorVersion",
    "supportedControl",
    "supportedLDAPVersion",
    "namingContexts",
)


class Diagnostics:
    """Checks the directory that a configuration describes."""

    def __init__(
        self,
        config: LdapConfig,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._port = PortCheck(config, self._deadline)
        self._clock = clock
        self._monotonic = monotonic

    def examine(self, net_id: str | None = None, password: str | None = None) -> Iterator[Finding]:
        """Run all steps that the configuration allows, and yield each finding at once.

        Args:
            net_id: the login name of a user to check, or None.
            password: the password to bind with as that user, or None for no bind.
        """
        if (ldif := self._config.embedded_path) is not None:
            embedded = Embedded.from_ldif(ldif)
            link = embedded.connect(self._deadline(), lambda _: None)
            base = user_base(self._config, embedded.suffix)
            yield from self._check_entries(link, base, Steps(self._monotonic), net_id, password)
            return
        is_examined = False
        for text in self._config.uris:
            uri = ServerUri.parse(text)
            steps = Steps(self._monotonic, uri.text)
            reached: list[LdapConnection] = []
            yield from self._connect(uri, steps, reached)
            for link in reached:
                # The servers hold the same entries, so only the first one that answers is searched.
                if not is_examined:
                    base = user_base(self._config)
                    yield from self._check_entries(link, base, steps, net_id, password)
                else:
                    yield self._bind_service_account(link, steps)
                is_examined = True
                link.close(self._deadline())

    def _connect(self, uri: ServerUri, steps: Steps, reached: list[LdapConnection]) -> Iterator[Finding]:
        """Run the steps from name look-up to root DSE; add the connection to `reached` if all succeed."""
        opened: dict[str, Any] = {}

        def look_up() -> StepResult:
            addresses = resolve(uri, connect_timeout=self._config.connect_timeout, deadline=self._deadline())
            return StepResult(", ".join(str(address[0]) for _, address in addresses))

        def connect() -> StepResult:
            limit = self._config.connect_timeout
            raw = opened["raw"] = dial(uri, connect_timeout=limit, deadline=self._deadline())
            return StepResult(
                f"connected from {raw.getsockname()[0]}" if uri.scheme != "ldapi" else "connected"
            )

        actions: list[tuple[str, str, Callable[[], StepResult]]] = [
            ("connect", "NETID_LDAP_URI", connect),
            ("TLS", "NETID_LDAP_URI", lambda: self._port.explain(uri, lambda: self._secure(uri, opened))),
            (
                "root DSE",
                "NETID_LDAP_URI",
                lambda: self._port.explain(uri, lambda: self._read_root_dse(opened["link"])),
            ),
        ]
        if uri.scheme != "ldapi":
            actions.insert(0, ("resolve", "NETID_LDAP_URI", look_up))
        for name, setting, action in actions:
            finding = steps.take(name, setting, action)
            yield finding
            if finding.verdict is StepStatus.FAILED:
                _close(opened)
                return
        reached.append(opened["link"])

    def _secure(self, uri: ServerUri, opened: dict[str, Any]) -> StepResult:
        config, raw, deadline = self._config, opened["raw"], self._deadline()
        wants_tls = uri.scheme == "ldaps" or (uri.scheme == "ldap" and config.start_tls)
        sock = DeadlineSocket(raw, server=uri.text, read_timeout=config.read_timeout, deadline=deadline)
        if not wants_tls:
            opened["link"] = LdapConnection.over(Server("localhost", get_info=NONE), sock, name=uri.text)
            if uri.scheme == "ldapi":
                return StepResult("a Unix socket needs no TLS")
            return StepResult(
                "off: passwords are sent in clear, but do not leave this machine", "NETID_LDAP_START_TLS"
            )
        context = verified_context(
            ca_file=config.ca_file, cert_file=config.client_cert_file, key_file=config.client_key_file
        )
        if uri.scheme == "ldaps":
            raw = secure(raw, context, host=uri.host, timeout=config.read_timeout, deadline=deadline)
            sock = DeadlineSocket(raw, server=uri.text, read_timeout=config.read_timeout, deadline=deadline)
            opened["link"] = LdapConnection.over(Server("localhost", get_info=NONE), sock, name=uri.text)
        else:
            link = opened["link"] = LdapConnection.over(
                Server("localhost", get_info=NONE), sock, name=uri.text
            )
            raw = start_tls(link, sock, uri, context, read_timeout=config.read_timeout)
        return self._describe_certificate(raw)

    def _describe_certificate(self, raw: ssl.SSLSocket) -> StepResult:
        certificate: dict[str, Any] = raw.getpeercert() or {}
        names = [str(value) for _, value in certificate.get("subjectAltName", ())]
        ends = ssl.cert_time_to_seconds(certificate["notAfter"])
        days = int((ends - self._clock()) // _SECONDS_PER_DAY)
        date = datetime.fromtimestamp(ends, UTC).date()
        text = f"{raw.version()}; certificate for {', '.join(names)}, valid for {days} days, until {date}"
        return StepResult(text, "NETID_LDAP_CA_FILE" if days < _WARNING_DAYS else None)

    def _read_root_dse(self, link: LdapConnection) -> StepResult:
        found = link.read("", attributes=_ROOT_DSE_ATTRIBUTES)
        judge_search(found.answer)
        if not found.entries:
            return StepResult("the server shows none; this program does not need it")
        entry = found.entries[0]
        vendor = (
            " ".join(filter(None, (entry.text("vendorName"), entry.text("vendorVersion")))) or "no vendor"
        )
        return StepResult(f"{vendor}; {_controls(entry)}; {', '.join(entry.texts('namingContexts'))}")

    def _bind_service_account(self, link: LdapConnection, steps: Steps) -> Finding:
        def bind() -> StepResult:
            link.set_deadline(self._deadline())
            if self._config.bind_dn is None:
                judge_service_bind(link.bind_anonymously())
                return StepResult("anonymous: no service account is set")
            secret = current_bind_password(self._config)
            judge_service_bind(link.bind(self._config.bind_dn, secret))
            return StepResult(f"bound as {self._config.bind_dn}")

        return steps.take("service account", "NETID_LDAP_BIND_DN", bind)

    def _check_entries(
        self, link: LdapConnection, base: str, steps: Steps, net_id: str | None, password: str | None
    ) -> Iterator[Finding]:
        finding = self._bind_service_account(link, steps)
        yield finding
        if finding.verdict is StepStatus.FAILED:
            return

        def read(dn: str, judge: Callable[[Answer], None]) -> StepResult:
            link.set_deadline(self._deadline())
            judge(link.read(dn, attributes=[NO_ATTRIBUTES]).answer)
            return StepResult(f"{dn} exists")

        if self._config.sees_people:
            finding = steps.take("user base", "NETID_LDAP_USER_BASE", lambda: read(base, judge_search))
            yield finding
        if self._config.group_base is not None:
            group_base = self._config.group_base
            yield steps.take(
                "group base", "NETID_LDAP_GROUP_BASE", lambda: read(group_base, judge_group_search)
            )
        if finding.verdict is not StepStatus.FAILED:
            yield from examine_person(
                self._config,
                base,
                link,
                steps,
                net_id=net_id,
                password=password,
                deadline=self._deadline,
                clock=self._clock,
            )

    def _deadline(self) -> Deadline:
        return Deadline(self._config.login_deadline, self._monotonic)


def _controls(entry: Entry) -> str:
    has_control = password_policy.CONTROL in entry.texts("supportedControl")
    return f"{'supports' if has_control else 'does not support'} the password policy control"


def current_bind_password(config: LdapConfig) -> bytes:
    """Return our account's password from its file as it is now, or from the settings."""
    if config.bind_password_file is None:
        return (config.service_password or "").encode()
    try:
        return read_secret(config.bind_password_file).removesuffix(b"\n")
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    except NotPrivate as refused:
        fault = str(refused)
    raise DirectoryUnavailable(f"NETID_LDAP_BIND_PASSWORD_FILE {fault}", alarm=True)


def _close(opened: dict[str, Any]) -> None:
    if "link" in opened:
        opened["link"].close()
    elif "raw" in opened:
        opened["raw"].close()
