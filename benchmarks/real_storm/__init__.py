"""The engine on real parts in a storm: what `python -m benchmarks.real_storm` does."""
