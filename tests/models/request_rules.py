"""Every database keeps authorization requests that are under way in the same way."""

from concurrent.futures import ThreadPoolExecutor
from secrets import token_bytes
from threading import Barrier

import pytest

from models import AuthorizationCode, StoreUnavailable
from tests.models.sign_in import SignIn
from tests.models.stores import Stores

THREADS = 16


class RequestRules:
    """Authorization requests that are under way."""

    def test_request_is_found_until_it_is_taken(self, stores: Stores) -> None:
        """A request is found again and again, and taken once (RFC 9126, 7.3)."""
        requests, key = SignIn(stores).requests, token_bytes(32)
        requests.add(key, "pushed", "a-client", {"scope": "openid", "state": "ü"}, stores.now + 60)
        found = requests.find(key, "pushed")
        assert found == requests.find(key, "pushed")
        assert found is not None
        assert (found.client_id, found.parameters) == ("a-client", {"scope": "openid", "state": "ü"})
        assert (found.created_at, found.expires_at) == (stores.now, stores.now + 60)
        assert [requests.take(key, "pushed") for _ in range(2)] == [found, None]
        assert requests.find(key, "pushed") is None

    def test_request_of_another_kind_is_not_found(self, stores: Stores) -> None:
        """A handle of a browser is no `request_uri`, and the other way round."""
        requests, key = SignIn(stores).requests, token_bytes(32)
        requests.add(key, "browser", None, {"next": "/me"}, stores.now + 60)
        assert requests.find(key, "pushed") is None
        assert requests.take(key, "pushed") is None
        assert not requests.change(key, "pushed", {})
        found = requests.take(key, "browser")
        assert found is not None
        assert (found.client_id, found.parameters) == (None, {"next": "/me"})

    def test_request_expires(self, stores: Stores) -> None:
        """An expired request is neither found, changed nor taken."""
        requests, key = SignIn(stores).requests, token_bytes(32)
        requests.add(key, "browser", None, {}, stores.now + 60)
        stores.clock.now += 60
        assert requests.find(key, "browser") is None
        assert not requests.change(key, "browser", {"a": 1})
        assert requests.take(key, "browser") is None

    def test_request_can_be_changed(self, stores: Stores) -> None:
        """New parameters replace those before."""
        requests, key = SignIn(stores).requests, token_bytes(32)
        requests.add(key, "browser", None, {"a": 1}, stores.now + 60)
        assert requests.change(key, "browser", {"b": [2]})
        found = requests.find(key, "browser")
        assert found is not None
        assert found.parameters == {"b": [2]}

    def test_request_changes_with_the_code_or_not_at_all(self, stores: Stores) -> None:
        """A code and the note of it in its request are committed together; a failure stores neither."""
        sign_in, key = SignIn(stores), token_bytes(32)
        requests = sign_in.requests
        requests.add(key, "browser", None, {"a": 1}, stores.now + 60)
        code = AuthorizationCode("a-client", None, None, sign_in.approval(None), stores.now, stores.now + 60)
        event, of_code = stores.audit("code.issued", client_id="a-client"), token_bytes(32)

        def fail(_: object) -> None:
            raise StoreUnavailable("full")

        note = requests.change_beside(key, "browser", {"b": 2})
        with pytest.raises(StoreUnavailable):
            sign_in.codes.add(of_code, code, event, beside=[note, fail])
        assert sign_in.codes.find(of_code) is None
        unchanged = requests.find(key, "browser")
        assert unchanged is not None
        assert unchanged.parameters == {"a": 1}
        with stores.counted_commits() as commits:
            sign_in.codes.add(of_code, code, event, beside=[note])
        assert len(commits) == 1
        found = requests.find(key, "browser")
        assert found is not None
        assert found.parameters == {"b": 2}
        assert sign_in.codes.find(of_code) is not None

    def test_parameters_of_any_characters_are_read_back(self, stores: Stores) -> None:
        """JSON keeps what a client sent, also what a text column would refuse."""
        requests, key = SignIn(stores).requests, token_bytes(32)
        parameters = {"state": "a\0b\x7f\u202e😀\ud800", "é": "'\"\\"}
        requests.add(key, "browser", "a-client", parameters, stores.now + 60)
        found = requests.find(key, "browser")
        assert found is not None
        assert found.parameters == parameters

    def test_of_16_that_take_a_request_one_gets_it(self, stores: Stores) -> None:
        """A pushed request is used once, however many present it at once."""
        requests, key = SignIn(stores).requests, token_bytes(32)
        requests.add(key, "pushed", "a-client", {}, stores.now + 60)
        start = Barrier(THREADS)

        def take(_: int) -> bool:
            with stores.site.app.app_context():
                start.wait()
                return requests.take(key, "pushed") is not None

        with ThreadPoolExecutor(THREADS) as pool:
            assert sum(pool.map(take, range(THREADS))) == 1
