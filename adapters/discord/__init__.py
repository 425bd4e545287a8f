"""Discord: channels, threads and forums by the REST API, people by slash commands."""
