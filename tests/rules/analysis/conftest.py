"""The tests of this folder share the oracle that looks at every point."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
