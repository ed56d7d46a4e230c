"""Commands that run the sandbox and the engine on this machine."""
