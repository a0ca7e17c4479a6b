"""Every write to the bank's tables but posting. Views, commands and the admin call these."""
