"""JobWise as a web application, on FastAPI and on Django: the same paths and JSON."""
