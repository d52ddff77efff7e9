"""The manager's views: home, one starter's page, the confirmation, and the page that shows the pass."""
