"""The studio: an HTTP server with a web page to make, see, compare and judge motion."""
