"""tidegate status"""
def status() -> None:
    """x"""
