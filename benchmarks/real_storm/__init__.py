"""The engine on real parts in a storm."""
