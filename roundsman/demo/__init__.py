"""An example to look at: a small API that changes its answers, and Roundsman noticing it."""
