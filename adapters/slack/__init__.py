"""Slack: messages through the Web API; people through Socket Mode, which needs no public address,
or over HTTP.

Socket Mode (``socket.py``) and HTTP (``http.py``) differ in how they receive and acknowledge a
request, and share the rest (``handler.Dispatcher``). Over HTTP the signature is checked by us and
not by Bolt's middleware, because the request is acknowledged before it is dispatched; a signature
is accepted once. Every request is about one workspace, which Bolt finds in it
(``context.team_id``). If that workspace does not have the app, the request is dropped before
anything else, because channels of two workspaces may have the same id.

With ``SLACK_CLIENT_ID`` workspaces install the app through Bolt's own ``AsyncOAuthFlow``
(``oauth.py``), over our database (``installations.py``): a token is kept by ``bot/vault.py``,
encrypted together with its workspace's id; a ``state`` is not stored, but is itself encrypted, and
claimed when it comes back. ``authorize`` answers from what is known about the workspace
(``workspaces.py``); Bolt's own would request ``auth.test`` each time. That the app was removed is
believed once ``auth.test`` confirms it: after Slack's event the first time, after a refused post
the second time within a minute. Then the workspace's channels are archived.

A command, or a message's button or shortcut, acts in the channel that Slack says it came from. A
form or App Home proves no such thing: so a window carries the channel that it was opened for under
a seal, as does each button of App Home (``control_panel.py``). When one is used, Slack is asked
whether the person is still a member, as for any channel that a form names. Where Slack can't tell,
nothing is changed; but if the app has no scope for asking, a window's channel is trusted for an
hour (``membership.py``). Changes may be made by whom bot.toml lists as managers, and by the
workspace's administrators where Slack says who they are (``managers.py``).
"""
