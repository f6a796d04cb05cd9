"""Pick: from one's own images to the file to ship."""
