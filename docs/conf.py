"""How Sphinx builds these pages."""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

_here = Path(__file__).parent
sys.path[:0] = [str(_here / "_ext"), str(_here.parent / "tests" / "house")]

project = "crmkit"
author = "The crmkit authors"
release = version = "0.1.0"

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_nb", "homes", "catalogue", "pictures", "measured"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["wide.css", "pictures.css"]
html_title = "crmkit"
html_show_copyright = False
exclude_patterns = ["_build", "_ext", "conf.py"]

# In a docstring, `name` is a link where the name is ours, and plain code where it is not.
default_role = "py:obj"
nitpicky = True
# The inventories of other projects lie on the net, and a build must not need it.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!crmkit\b).*"),
    # Constants and aliases that a door only passes on: autodoc knows them in the private file alone.
    (r"py:obj", r"crmkit\.(journal\.(OPEN|UNKNOWN)|rules\.feel\.(FUNCTIONS|UNKNOWN)|values\.(EMPTY|Every))"),
    # Rosters, recipes, benches: handed on from one public function to the next, not taken apart.
    (r"py:class", r"crmkit\.(kb|metrics|pipeline)\.(.+\.)?_.*"),
    # Type variables have no page.
    (r"py:class", r"crmkit\..*\.(F_co|Row|S|State|T)"),
]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Notebooks are kept as text, without results: what a page shows was found while it was built.
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
# Files that a notebook writes do not belong here.
nb_execution_in_temp = True
nb_merge_streams = True
# A chart is there as a specification and as a picture, of which a page needs the picture.
suppress_warnings = ["mystnb.unknown_mime_type"]

# The notebooks are run as anybody's would be: without the settings and the history of whoever builds the site. Their
# kernels talk over loopback, and need not warn of it.
_profile = TemporaryDirectory()
os.environ["IPYTHONDIR"] = _profile.name
_settings = Path(_profile.name, "profile_default", "ipython_kernel_config.py")
_settings.parent.mkdir()
_settings.write_text('c = get_config()\nc.IPKernelApp.log_level = "ERROR"\n', encoding="utf-8")
