-- Rows of a database that stands at migration 0001: a client with a secret, a login, its tokens, its audit.
INSERT INTO "client"
    (client_id, client_name, owner, grant_types, scope, default_scope, redirect_uris, token_endpoint_auth_method, resource_server, flags, created_at, disabled_at)
VALUES
    ('aba6aaae68551424e4bde544', 'old program', NULL, '["password", "refresh_token"]', 'profile email', NULL, '[]', 'client_secret_basic', 0, '{}', 1800000000, NULL);
INSERT INTO "client_secret"
    (client_id, serial, key_id, digest, created_at, not_after, last_used_at, weak)
VALUES
    ('aba6aaae68551424e4bde544', 1, 'd2e6575136e7b883', X'fa20372ce981413b209b7d743c22a5ae7595d678e3a1f08b27a1fcf86fc74f7f', 1800000000, NULL, 1800000000, 0);
INSERT INTO "grant"
    (id, client_id, subject, net_id, scope, claims, password_changed_at, auth_time, expires_at, live_until, revoked_at)
VALUES
    (X'07a120c6f158c1518778e75e942cb93d2ccd9c', 'aba6aaae68551424e4bde544', '14aa2a51-03f1-562a-8307-e12ff2455495', 'alice', 'profile email', '{"net_id": "alice", "name": "Alice Baker", "mail": "alice@campus.example"}', 1788249600, 1800000000, 1815552000, 1801209600, NULL);
INSERT INTO "access_token"
    (id, grant_id, scope, issued_at, expires_at)
VALUES
    (X'07a1211e1c41138fb70af0af19d217d84f097fb5d1f92dc6d7d7ff2ed24e1d13d856f9', X'07a120c6f158c1518778e75e942cb93d2ccd9c', 'profile email', 1800000000, 1800003600);
INSERT INTO "refresh_token"
    (id, grant_id, generation, issued_at, expires_at, used_at)
VALUES
    (X'07a2700561210c6f6dcd8a551a864be8211f6388294a66b1cc0d556b2f9b2b0dfa178f', X'07a120c6f158c1518778e75e942cb93d2ccd9c', 0, 1800000000, 1801209600, NULL);
INSERT INTO "audit_event"
    (at, event, request_id, client_id, subject, grant_id, address, scope, reason, duration_ms)
VALUES
    (1800000000, 'token.issued', '3f3dc5a18b4542e7', 'aba6aaae68551424e4bde544', '14aa2a51-03f1-562a-8307-e12ff2455495', '07a120c6f158c1518778e75e942cb93d2ccd9c', '127.0.0.1', 'profile email', NULL, 7);
