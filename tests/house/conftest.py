"""The house tests share two files that are also commands: `tree.py` reads the source, `api.py` writes the snapshot."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
