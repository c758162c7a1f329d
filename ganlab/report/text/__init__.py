"""Puts a report into words: sentences, Markdown and LaTeX."""
