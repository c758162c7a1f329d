"""The dashboard of a run in TensorBoard: the charts of all tags, their order, and what is said about each."""
