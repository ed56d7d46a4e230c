"""Settings by capability, one model each; `workers/settings.py` composes and loads them."""
