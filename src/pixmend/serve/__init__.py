"""Pages in a browser on this machine: asking networks with a click."""
