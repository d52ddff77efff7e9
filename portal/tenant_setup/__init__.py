"""What a tenant needs for this installation, as steps: `words` and `script` are two ways to write them down."""
