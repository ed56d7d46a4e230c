"""Who may come in: access tokens, the flows that give them, and the check that every API makes."""
