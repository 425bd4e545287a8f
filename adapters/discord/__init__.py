"""Discord: channels, threads and forums by the REST API, people by slash commands.

Whatever starts a session of Discord's gateway takes a turn first, in ``before_identify_hook``, the
library's public hook (``adapters/discord/sessions.py``): a row of the database
(``session_starts``), so that pace and budget hold over restarts and over all processes with one
token. Discord's own count (``/gateway/bot``) is asked before each connection as well, because other
programs may use the token. A permanent refusal is also a row (``session_accounts.held_at``), keyed
by a digest of the token, so that a new token need not wait. Which shards are a process's own the
database says; what it gets of them at one time is one client.

"Removed" needs an event *and* an answer of REST that agrees (``adapters/discord/servers.py``);
everything else that looks like it (unavailable, absent, 401, another application) is no event, or
no such answer. Of discord.py ``HTTPClient``, ``Route``, ``DEFAULT_GATEWAY`` and ``launch_shard``
are used although they are not public: byte-identical retries, another address for tests, and an end
to its endless first connect need them. Therefore ``<2.8``.
"""
