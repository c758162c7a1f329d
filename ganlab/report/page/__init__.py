"""The page of a report, ``report.html``: one file with its figures and pictures, which opens without a network."""

from ganlab.report.page.page import as_fragment, as_html

__all__ = ["as_fragment", "as_html"]
