"""The only I/O: one file a technology. Importing this package loads none of them."""

__all__: list[str] = []
