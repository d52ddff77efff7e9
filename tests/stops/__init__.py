"""Emergency stops: that was not me, and the stop code."""
