"""A cluster in memory, and a thousand histories of it."""
