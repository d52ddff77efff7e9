"""HR's pages for importing a list: upload, columns, progress, results."""
