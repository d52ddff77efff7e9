"""Sign-in with Microsoft Entra: the redirects, the id token and the session."""
