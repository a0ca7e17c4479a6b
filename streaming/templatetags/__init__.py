"""How templates of the live pages write what they show."""
