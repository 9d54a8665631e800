"""How tasks are worked on: taken from a queue, kept while a function runs, and what it says of them."""
