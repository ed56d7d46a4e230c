"""tidegate demo"""
def demo() -> None:
    """x"""
