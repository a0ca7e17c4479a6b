"""How templates write figures, dates and states."""
