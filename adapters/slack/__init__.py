"""Slack: messages by the Web API, people through Socket Mode, without a public address."""
