"""The only I/O: one file a technology. Importing this package loads none of them.

What adapters have to say they say to the loggers ``crmkit.adapters.*``; whoever listens to none of them hears nothing.
"""

import logging

__all__: list[str] = []

logging.getLogger("crmkit").addHandler(logging.NullHandler())
