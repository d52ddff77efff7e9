"""What a tenant needs for this installation, as steps: `summary` and `script` write them down."""
