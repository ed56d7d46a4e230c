"""tidegate trace"""
def trace() -> None:
    """x"""
