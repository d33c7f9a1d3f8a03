"""How Sphinx makes the site; read by Sphinx alone."""

from typing import Any

from satmint_sdk import __version__  # type: ignore[import-not-found]

from release.documentation.sdk_reference import as_markup

project = "satmint"
version = release = __version__
copyright = "satmint"  # noqa: A001 - Sphinx's name
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["source/**"]
html_theme = "furo"
html_title = f"satmint {version}"
html_logo = "static/icon.svg"
html_use_index = False
html_domain_indices = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["disk.js"]
html_favicon = "static/icon.svg"
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None
html_theme_options: dict[str, object] = {"top_of_page_buttons": []}
# Addresses of pages and of headings are those that a reader of the repository sees.
myst_heading_anchors = 6
myst_enable_extensions = ["colon_fence"]
suppress_warnings = ["myst.header"]
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "github-dark-high-contrast"
# A name is written as its user writes it.
add_module_names = False
autodoc_member_order = "groupwise"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_inherit_docstrings = False
maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"


def _rewrite(
    _app: object, _what: str, _name: str, _object: object, _options: object, lines: list[str]
) -> None:
    lines[:] = as_markup(lines)


def setup(app: Any) -> None:  # noqa: ANN401 - Sphinx is not there where types are checked
    """Let docstrings be read before `napoleon` does, whose priority is 500."""
    app.connect("autodoc-process-docstring", _rewrite, priority=400)
