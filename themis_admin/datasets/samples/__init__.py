"""Looking at samples: searched, in pages, one by one, through history."""
