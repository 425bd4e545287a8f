"""Slack: messages by the Web API, people through Socket Mode, without a public address.

Whatever receives requests only has to provide such an ``ack``: Socket Mode (``socket.py``) and HTTP
(``http.py``) share the rest (``handler.Dispatcher``). Over HTTP the signature is checked by us and
not by Bolt's middleware, because the request is acknowledged before it is dispatched; a signature
counts once. Every request is about one workspace, which Bolt finds in it (``context.team_id``); one
that does not have the app is dropped before anything else, because channels of two workspaces may
have the same id.

With ``SLACK_CLIENT_ID`` workspaces install the app through Bolt's own ``AsyncOAuthFlow``
(``oauth.py``), over our database (``installations.py``): a token is kept by ``bot/vault.py``,
encrypted together with its workspace's id; a ``state`` is kept nowhere, it is encrypted itself and
claimed when it comes back. ``authorize`` answers from what is known of the workspace
(``workspaces.py``); Bolt's own would request ``auth.test`` each time. That the app was removed is
believed when ``auth.test`` says so: at once after Slack's event, twice within a minute after a
refused post. Then the workspace's channels are archived.

A command, a button of a message or a message's shortcut acts in the channel that Slack says it came
from. A form and App Home are no proof of that: a window carries the channel that it was opened for
under a seal, and so does each button of App Home (``control_panel.py``), and when one is used Slack
is asked whether the person is still a member, as for any channel that a form names. Where it can't
say, nothing is changed; but where the app has no scope for asking, the channel of a window counts
for an hour (``membership.py``). Who manages is bot.toml's list, and the workspace's administrators
where Slack says who that is (``managers.py``).
"""
