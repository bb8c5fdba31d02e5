"""Whom to forget, what to redact, how long to keep transcripts: decided here, in a few places.

`guard` stands at the door and looks at every task that comes in; `restating` and `erasure` change
what is stored already; `keyfile` holds the secret that makes hashes unguessable.
"""
