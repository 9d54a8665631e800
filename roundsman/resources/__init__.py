"""What a client can work with, one module for each kind of object."""
