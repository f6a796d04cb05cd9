"""Readers that come with archlab: a module each, with `read(root, **options) -> Listing`."""
