"""The read copy of an engine: its look every minute, and the commands about it."""
