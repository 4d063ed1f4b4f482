"""What users approve for clients, until the client's token exists: requests, codes, device codes, consents.

`approval.py` is what a user approved. `code_store.py` keeps authorization codes, `device_store.py` device
codes, `request_store.py` requests that are under way, and `consent_store.py` what need not be asked again.

Owns: that a code is used once, and what an approval stores with it. Must not know: the format of a code, the
rules of the protocol, any page. Start reading at `code_store.py`.
"""
