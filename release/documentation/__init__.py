"""The documentation site: `docs/`, the READMEs and the SDK's docstrings as pages for a browser.

`navigation` says which pages there are and in which order, `staging` writes what Sphinx reads,
`sdk_reference` the pages made from docstrings, and `build` runs it all.
"""
