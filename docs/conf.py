from evsim import __version__

project = "evsim"
author = "the evsim authors"
copyright = "the evsim authors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
# Words of parameter types, such as n_inputs in "shape (n_neurons, n_inputs)", are no references.
suppress_warnings = ["ref.python"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_mock_imports = ["torch"]  # what its modules document is the same without it
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"evsim {release}"
