"""`python -m ritornello` is the command line."""

from ritornello.cli import main

main()
