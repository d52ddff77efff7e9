"""The web server's side of a request: gunicorn's worker, and the answers that it gives without Django."""
