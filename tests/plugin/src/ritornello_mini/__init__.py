"""One small member of each kind that ritornello can be extended with; pyproject.toml names them."""
