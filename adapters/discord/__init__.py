"""Discord: channels, threads and forums through the REST API, people through slash commands.

Every session of Discord's gateway waits for its turn first, in ``before_identify_hook``, a public
hook of the library (``adapters/discord/sessions.py``). A turn is a row in the database
(``session_starts``), so that pace and budget hold across restarts and for all processes with the
same token. Discord's own count (``/gateway/bot``) is checked before each connection as well,
because other programs may use the token. A permanent refusal is also a row
(``session_accounts.held_at``), keyed by a digest of the token, so that a new token need not wait.
The database says which shards are this process's own; those that it takes together share one
client.

"Removed" needs an event *and* confirmation by the REST API (``adapters/discord/servers.py``).
Whatever else looks like a removal (unavailable, absent, 401, another application) brings no such
event, or is not confirmed. ``HTTPClient``, ``Route``, ``DEFAULT_GATEWAY`` and ``launch_shard`` of
discord.py are used although they are not public: byte-identical retries, another address for tests,
and an end to its endless first attempt to connect need them. Therefore ``<2.8``.
"""
