"""The manager's pages. `page_state` has what a page says in each state; `views/pass_page` shows the pass."""
